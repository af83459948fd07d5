"""pj2: CNNs on CIFAR-10, compared, and the loss landscape with and without BatchNorm."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["Runs", "band", "build_model", "load_model", "load_runs"]


def __getattr__(name: str) -> Any:
    """Return a name of `pj2.notebook`, which is imported only when one is needed."""
    if name not in __all__:
        raise AttributeError(f"module 'pj2' has no attribute {name!r}")
    return getattr(import_module("pj2.notebook"), name)
