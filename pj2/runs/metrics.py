"""The metrics of a run in training, and the sinks that receive them. No torch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pj2.runs.files import EpochRecord, StepRecords

Metrics = Mapping[str, float | None]
"""Values by name; None if unknown.

Once a second: ``epoch`` (from 1), ``step/loss`` (a minibatch's), ``pace`` (images per second),
``steps`` (of the whole budget) and ``seconds_left``. At the end of an epoch: the fields of its
`EpochRecord`, ``steps`` and ``seconds_left``.
"""

# Between two readings of a loss, each of which waits for the GPU.
SECONDS_BETWEEN = 1.0


class Sink:
    """Receives metrics while it is entered, and shows or writes them.

    A subclass overrides the methods that it needs; the others do nothing.
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
        """Receive metrics after `step` steps of the run, once a second and after each epoch."""

    def log_epoch(self, steps: StepRecords, row: EpochRecord | None) -> None:
        """Receive the records of an epoch; one that diverged has no row."""

    def line(self, text: str) -> None:
        """Receive a line of text about the run."""


class Every:
    """Called, it returns True the first time, and then at most once in `seconds`."""

    def __init__(self, seconds: float = SECONDS_BETWEEN) -> None:
        self._seconds = seconds
        self._next = 0.0

    def __call__(self) -> bool:
        """Tell whether enough time has passed."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True
