"""How a training job shows that it is alive: a bar on a terminal, lines elsewhere, and a file."""

from __future__ import annotations

import math
import os
import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pj2.runs.files import EpochRecord
from pj2.runs.progress_file import Every, ProgressFile


class Reporter:
    """A progress bar when stderr is a terminal, else one line on stdout per epoch; and a file.

    The bar and the file show the last epoch's validation accuracy, the current
    loss, images per second and the time that the remaining budget would take.
    """

    def __init__(self, name: str, epochs: int, file: ProgressFile | None = None) -> None:
        self._name = name
        self._epochs = epochs
        self._file = file
        self._file_is_due = Every()
        self._accuracy = "-"
        self._epoch = -1
        self._steps = 0  # of an epoch
        self._before = 0
        self._started = 0.0
        self._rate: float | None = None
        self._first: tuple[int, float] | None = None
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
        now, completed = time.perf_counter(), epoch * steps + done
        if epoch != self._epoch:  # the first step seen of an epoch, which may be resumed
            self._epoch, self._steps = epoch, steps
            self._before, self._started = images, now
            self._first = self._first or (completed, now)
        done_now = images - self._before
        if done_now:
            self._rate = done_now / (now - self._started)
        if self._bar is not None:
            speed = f"{self._rate:,.0f} images/s" if self._rate else ""
            shown = "" if loss is None else f"loss {loss:.3f} · "
            self._bar.update(
                self._task,
                total=steps * self._epochs,
                completed=completed,
                state=f"{shown}val acc {self._accuracy} · {speed}",
            )
        if self._file is not None and self._file_is_due():
            finite = loss is not None and math.isfinite(loss)
            self._write(completed, now, epoch=epoch + 1, loss=loss if finite else None)

    def on_epoch(self, row: EpochRecord) -> None:
        """See the end of an epoch."""
        self._accuracy = f"{row.val_accuracy:.2%}"
        self._rate = row.images_per_second
        self._write(
            (row.epoch + 1) * self._steps,
            time.perf_counter(),
            epoch=row.epoch + 1,
            loss=row.train_loss,
            val_accuracy=row.val_accuracy,
        )
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

    def _write(self, completed: int, now: float, **known: float | None) -> None:
        """Write the file, with the time that the rest takes at the pace of this process so far."""
        if self._file is None:
            return
        total = self._steps * self._epochs
        before, started = self._first or (completed, now)
        left = (total - completed) * (now - started) / (completed - before or 1)
        self._file.write(
            step=completed,
            steps=total,
            images_per_second=self._rate,
            seconds_left=left if completed > before else None,
            **known,
        )


def say(line: str) -> None:
    """Print a line at once; that nobody reads it any more must not end a run."""
    try:
        print(line, flush=True)
    except OSError:
        # Ctrl-C also ends the `tee` that reads this. Python would complain again at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
