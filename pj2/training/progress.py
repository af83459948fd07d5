"""How a training job shows its progress: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pj2.config.study import RunSettings
from pj2.runs.files import EpochRecord, StepRecords
from pj2.runs.metrics import Every, Metrics, Sink
from pj2.training.observers import Step


class Meter:
    """An observer that sends a run's loss, pace and time left to sinks, once a second.

    Reading a loss waits for the device, so it is not read at every step.
    """

    def __init__(self, sinks: Sequence[Sink], epochs: int, steps_per_epoch: int) -> None:
        self._sinks = sinks
        self._epochs, self._steps = epochs, steps_per_epoch
        self._due = Every()
        self._epoch = -1
        self._images = 0  # since the first step seen of this epoch, which may be resumed
        self._epoch_started = 0.0
        self._first: tuple[int, float] | None = None

    def on_step(self, step: Step) -> None:
        """Send the step's loss, if a second has passed."""
        due = self._due()
        if step.epoch != self._epoch:
            self._epoch, self._images, self._epoch_started = step.epoch, 0, time.perf_counter()
            self._first = self._first or (step.index, self._epoch_started)
        if due:
            loss, seconds = step.loss.item(), time.perf_counter() - self._epoch_started
            self._log(
                {
                    "epoch": step.epoch + 1,
                    "step/loss": loss if math.isfinite(loss) else None,
                    "pace": self._images / seconds if self._images else None,
                },
                step.index,
            )
        self._images += len(step.labels)

    def on_epoch(self, steps: StepRecords, row: EpochRecord | None) -> None:
        """Send the records of an epoch; one that diverged has no row."""
        for sink in self._sinks:
            sink.log_epoch(steps, row)
        if row:
            self._log(asdict(row) | {"epoch": row.epoch + 1}, (row.epoch + 1) * self._steps)

    def line(self, text: str) -> None:
        """Send a line of text about the run."""
        for sink in self._sinks:
            sink.line(text)

    def _log(self, metrics: Metrics, done: int) -> None:
        """Send metrics, with the time left at the pace of this process so far."""
        total = self._epochs * self._steps
        before, started = self._first or (done, 0.0)
        pace = (done - before) / (time.perf_counter() - started) if done > before else None
        left = (total - done) / pace if pace else None
        for sink in self._sinks:
            sink.log({**metrics, "steps": total, "seconds_left": left}, done)


class Lines(Sink):
    """Prints one line per epoch on stdout, and the other lines about a run."""

    def __init__(self, name: str, epochs: int) -> None:
        self._name = name
        self._epochs = epochs

    def log_epoch(self, steps: StepRecords, row: EpochRecord | None) -> None:
        """Print one line for a finished epoch."""
        if row:
            self.line(_epoch_in_words(row, self._epochs))

    def line(self, text: str) -> None:
        """Print one line about this run."""
        _say(f"{self._name} · {text}")


class Bar(Sink):
    """A progress bar on stderr: the loss, the last epoch's validation accuracy and the pace."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._shown: dict[str, Any] = {}
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(name, total=None, state="")

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def log(self, metrics: Metrics, step: int) -> None:
        """Bring the bar up to date."""
        self._shown |= {name: value for name, value in metrics.items() if value is not None}
        words = {"step/loss": "loss {:.3f}", "val_accuracy": "val acc {:.2%}"}
        words["pace"] = "{:,.0f} images/s"
        parts = [text.format(self._shown[key]) for key, text in words.items() if key in self._shown]
        self._bar.update(
            self._task, total=metrics["steps"], completed=step, state=" · ".join(parts)
        )

    def line(self, text: str) -> None:
        """Print one line about this run."""
        self._bar.console.print(f"{self._name} · {text}", highlight=False)


def terminal(settings: RunSettings) -> Sink:
    """Return a progress bar where stderr is a terminal, else a sink that prints lines."""
    name = name_of(settings)
    return Bar(name) if sys.stderr.isatty() else Lines(name, settings.epochs)


def name_of(settings: RunSettings) -> str:
    """Return the name of a run in its lines."""
    return f"{settings.model} lr={settings.learning_rate!r} seed={settings.seed}"


def _say(line: str) -> None:
    """Print a line at once; a closed stdout must not end a run."""
    try:
        print(line, flush=True)
    except OSError:
        # Ctrl-C also ends a `tee` that reads stdout. Python would fail again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _epoch_in_words(row: EpochRecord, epochs: int) -> str:
    parts = [f"epoch {row.epoch + 1}/{epochs}", f"train loss {row.train_loss:.4f}"]
    if row.val_accuracy is not None:
        parts.append(f"val loss {row.val_loss:.4f} acc {row.val_accuracy:.2%}")
    if row.test_accuracy is not None:
        parts.append(f"test acc {row.test_accuracy:.2%}")
    parts += [f"{row.images_per_second:,.0f} images/s", f"{row.seconds:.1f} s"]
    return " · ".join(parts)
