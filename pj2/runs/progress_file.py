"""What a training job says of itself: one small JSON file beside its log. No torch.

Nothing but the file is needed to follow a job, so one on another machine can be
followed over a network file system.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from pj2.errors import UserError
from pj2.runs.interrupt import Interrupted
from pj2.runs.metrics import Metrics, Sink
from pj2.store.files import TEMPORARY

# Where a job's log lies below the study's folder; the braces are Snakemake's wildcards.
TRAIN_LOG = "logs/train/{experiment}/{model}/lr={lr}/seed={seed}.log"
# What the file holds of a run's metrics; at the end of an epoch, its own.
_FIELDS = {
    "epoch": "epoch",
    "steps": "steps",
    "step/loss": "loss",
    "train_loss": "loss",
    "val_accuracy": "val_accuracy",
    "pace": "images_per_second",
    "images_per_second": "images_per_second",
    "seconds_left": "seconds_left",
}

JobState = Literal["running", "finished", "restored", "interrupted", "failed"]


@dataclass(frozen=True)
class JobProgress:
    """How far a job is.

    ``born`` tells its process from a later one with the same ``pid``. ``epoch``
    is the one that it is in, from 1; ``step`` and ``steps`` count over all
    epochs; ``loss`` is a minibatch's, or the mean of the epoch that just ended.
    """

    state: JobState
    host: str
    pid: int
    born: str | None
    epochs: int
    epoch: int | None = None
    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    val_accuracy: float | None = None
    images_per_second: float | None = None
    seconds_left: float | None = None
    error: str | None = None

    @property
    def is_here(self) -> bool:
        """Tell whether the job's process is, or was, on this machine."""
        return self.host == socket.gethostname()

    @property
    def is_alive(self) -> bool:
        """Tell whether the job's process, which is on this machine, still runs."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # another user's
        now = _born(self.pid)
        return now is None or self.born in (None, now)


class ProgressFile(Sink):
    """The file of one job; while entered, the job runs, and how it leaves is how it ended.

    The file is replaced as a whole, so a reader never sees half of one. That
    it cannot be written ends no run.

    Args:
        path: where it is; with None nothing is written.
        epochs: the most epochs that the run may take.
    """

    def __init__(self, path: Path | None, epochs: int) -> None:
        self._path = path
        self._now = JobProgress(
            "running", socket.gethostname(), os.getpid(), _born(os.getpid()), epochs
        )

    def __enter__(self) -> ProgressFile:
        self.write()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            if self._now.state == "running":
                self.write(state="finished")
        elif isinstance(error, Interrupted | KeyboardInterrupt):
            self.write(state="interrupted", error=str(error) or None)
        else:
            self.write(state="failed", error=_in_words(error))

    def log(self, metrics: Metrics, step: int) -> None:
        """Write how far the run is."""
        known = {field: metrics[name] for name, field in _FIELDS.items() if name in metrics}
        self.write(step=step, **known)

    def write(self, **changes: Any) -> None:
        """Write the file, with changes to the fields of `JobProgress`."""
        self._now = replace(self._now, **changes)
        if self._path is None:
            return
        temporary = self._path.with_name(f"{TEMPORARY}{self._path.name}")
        # Not synced to the disk: nobody misses it after the machine went down.
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(asdict(self._now)) + "\n", encoding="utf-8")
            temporary.replace(self._path)


def progress_beside(log: str | os.PathLike[str]) -> Path:
    """Return where the progress of the job with this log is."""
    return Path(log).with_suffix(".progress.json")


def read_progress(path: Path) -> JobProgress | None:
    """Return what a job said last; None if it said nothing that can be read."""
    for _ in range(3):
        try:
            return JobProgress(**json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        except OSError:  # on a network file system it may be replaced while it is read
            continue
    return None


def _in_words(error: BaseException) -> str:
    if isinstance(error, UserError):
        return "; ".join(error.problems)
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _born(pid: int) -> str | None:
    """Return when a process started, in the kernel's ticks; None where Linux does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return "dead" if fields[0] in "ZX" else fields[19]
