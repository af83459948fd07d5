"""Quantities recorded at every step: ``@register("name")`` in `pj2.training.quantities`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor

from pj2.config.catalogue import QUANTITIES
from pj2.registry import Registry
from pj2.training.observers import Step

Quantity = Callable[[Step], Tensor]
"""From a step to a scalar on the device, without waiting for it; see `StepObserver`."""

_QUANTITIES = Registry(QUANTITIES)
register = _QUANTITIES.register


def quantities(names: Iterable[str]) -> dict[str, Quantity]:
    """Return quantities by name; only the modules that define them are imported."""
    return {name: _QUANTITIES[name] for name in names}
