"""Definitions by name: ``@register("name")`` on a class or function of a catalogue's package."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

from pj2.config.catalogue import Catalogue

Definition = TypeVar("Definition", bound=Callable[..., Any])

# Annotations of an option that limit its values; `pj2.config.catalogue` reads them from the
# source. An option may also be a bool, int, float or str.
Probability = float
"""At least 0 and below 1."""

NonNegative = float
"""At least 0."""


class Registry:
    """The definitions of a catalogue's package, each imported when it is needed."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._known: dict[str, Any] = {}

    def register(self, name: str) -> Callable[[Definition], Definition]:
        """Make a class or function available under `name`.

        The name is also read from the source, without importing it, so it must be
        a plain string and the decorator must stand on a definition at top level.
        """

        def add(definition: Definition) -> Definition:
            self._known[name] = definition
            return definition

        return add

    def __getitem__(self, name: str) -> Any:
        """Import the one module that defines `name`; an unknown one raises KeyError."""
        importlib.import_module(self._catalogue.modules()[name])
        return self._known[name]
