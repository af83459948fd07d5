"""What is measured of a run as it trains, and where it goes. No torch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

Metrics = Mapping[str, float | None]
"""Values by name; what is not known is None.

Every second ``epoch`` (from 1), ``step/loss`` (a minibatch's), ``pace`` (images a second),
``steps`` (of the whole budget) and ``seconds_left``; at the end of an epoch the fields of its
`EpochRecord`, with these.
"""

# Between two looks at a loss, which is waited for on a GPU.
SECONDS_BETWEEN = 1.0


class Sink(Protocol):
    """Takes what is measured: the terminal, or a file that another process follows."""

    def log(self, metrics: Metrics, step: int) -> None:
        """See metrics after so many steps of the run; what it has no use for it leaves."""


class Every:
    """Says yes at most once in so many seconds, the first time at once."""

    def __init__(self, seconds: float = SECONDS_BETWEEN) -> None:
        self._seconds = seconds
        self._next = 0.0

    def __call__(self) -> bool:
        """Tell whether it is time again."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True
