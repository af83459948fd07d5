"""Signals that stop a job: it finishes its step, saves, and exits with a code of its own."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

# EX_TEMPFAIL of sysexits.h: nothing is wrong, try again.
EXIT_INTERRUPTED = 75

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(Exception):
    """A run was asked to stop and has saved what it had; the message says where it stopped."""


class InterruptFlag:
    """While entered, SIGTERM and SIGINT raise a flag; a Ctrl-C after that ends the process at once.

    A second SIGTERM does not: at a time limit SLURM's daemon and its srun both send one.
    """

    def __init__(self) -> None:
        self.raised = False
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        """Tell whether a signal came."""
        return self.raised

    def __enter__(self) -> InterruptFlag:
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.raised = True
        signal.signal(signal.SIGINT, signal.SIG_DFL)
