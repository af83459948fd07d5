"""How a training job shows that it is alive: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pj2.training.artifacts import EpochRecord


class Reporter:
    """A progress bar when stderr is a terminal, else one line on stdout per epoch.

    The bar shows the last epoch's validation accuracy, the current loss,
    images per second and the time that the remaining budget would take.
    """

    def __init__(self, name: str, epochs: int) -> None:
        self._name = name
        self._epochs = epochs
        self._accuracy = "-"
        self._loss = float("nan")
        self._epoch = -1
        self._before = 0
        self._started = 0.0
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[state]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(name, total=None, state="")

    def __enter__(self) -> Reporter:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def on_step(self, epoch: int, done: int, steps: int, images: int, loss: float | None) -> None:
        """See a step: `done` of `steps` in this 0-based epoch, `images` so far in the epoch."""
        if self._bar is None:
            return
        if epoch != self._epoch:  # the first step seen of an epoch, which may be resumed
            self._epoch, self._before, self._started = epoch, images, time.perf_counter()
        elapsed = time.perf_counter() - self._started
        done_now = images - self._before
        rate = f"{done_now / elapsed:,.0f} images/s" if done_now else ""
        shown = "" if loss is None else f"loss {loss:.3f} · "
        self._bar.update(
            self._task,
            total=steps * self._epochs,
            completed=epoch * steps + done,
            state=f"{shown}val acc {self._accuracy} · {rate}",
        )

    def on_epoch(self, row: EpochRecord) -> None:
        """See the end of an epoch."""
        self._accuracy = f"{row.val_accuracy:.2%}"
        if self._bar is not None:
            return
        test = "" if row.test_accuracy is None else f" · test acc {row.test_accuracy:.2%}"
        self.line(
            f"epoch {row.epoch + 1}/{self._epochs} · train loss {row.train_loss:.4f} · "
            f"val loss {row.val_loss:.4f} acc {row.val_accuracy:.2%}{test} · "
            f"{row.images_per_second:,.0f} images/s · {row.seconds:.1f} s"
        )

    def line(self, text: str) -> None:
        """Print one line about this run."""
        if self._bar is not None:
            self._bar.console.print(f"{self._name} · {text}", highlight=False)
        else:
            say(f"{self._name} · {text}")


def say(line: str) -> None:
    """Print a line at once; that nobody reads it any more must not end a run."""
    try:
        print(line, flush=True)
    except OSError:
        # Ctrl-C also ends the `tee` that reads this. Python would complain again at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
