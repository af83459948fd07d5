"""What is measured of a run as it trains, and where it goes. No torch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pj2.runs.files import EpochRecord, StepRecords

Metrics = Mapping[str, float | None]
"""Values by name; what is not known is None.

Every second ``epoch`` (from 1), ``step/loss`` (a minibatch's), ``pace`` (images a second),
``steps`` (of the whole budget) and ``seconds_left``; at the end of an epoch the fields of its
`EpochRecord`, with these.
"""

# Between two looks at a loss, which is waited for on a GPU.
SECONDS_BETWEEN = 1.0


class Sink:
    """Takes what is measured while it is entered: the terminal, or a file that others follow.

    A sink defines what it has a use for; the rest it leaves.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def log(self, metrics: Metrics, step: int) -> None:
        """See metrics after so many steps of the run, every second and after an epoch."""

    def log_epoch(self, steps: StepRecords, row: EpochRecord | None) -> None:
        """See all that an epoch recorded; one that diverged has no row."""

    def line(self, text: str) -> None:
        """See a sentence about the run."""


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
