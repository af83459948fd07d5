"""The progress of a training job: one small JSON file beside its log. No torch.

The file is all that is needed to follow a job, so a job on another machine can be
followed over a network file system.
"""

from __future__ import annotations

import math
import os
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pj2.config.names import canonical_json
from pj2.errors import UserError
from pj2.runs.interrupt import Interrupted
from pj2.runs.metrics import Metrics, Sink
from pj2.store.files import TEMPORARY
from pj2.store.records import BadRecord, Count, Name, read_record, signed

# Where a job's log lies below the study's folder; the braces are Snakemake's wildcards.
TRAIN_LOG = "logs/train/{experiment}/{model}/lr={lr}/seed={seed}.log"
# The file's field for each metric. At the end of an epoch, the epoch's values replace a step's.
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


class JobProgress(BaseModel):
    """How far a job is.

    ``born`` distinguishes its process from a later one with the same ``pid``.
    ``epoch`` is the current one, from 1; ``step`` and ``steps`` count over all
    epochs; ``loss`` is a minibatch's, or the mean of the epoch that just ended.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    state: JobState
    host: Name
    pid: Annotated[int, Field(gt=0, lt=2**31)]
    born: str | None
    epochs: Count
    epoch: Count | None = None
    step: Count | None = None
    steps: Count | None = None
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
    """Writes the file of one job: that it runs, and on exit from the context how it ended.

    The file is replaced as a whole, so a reader never sees half of one. A file
    that cannot be written does not end the run.

    Args:
        path: the file; with None nothing is written.
        epochs: the most epochs that the run may take.
    """

    def __init__(self, path: Path | None, epochs: int) -> None:
        self._path = path
        self._now = JobProgress(
            state="running",
            host=socket.gethostname(),
            pid=os.getpid(),
            born=_born(os.getpid()),
            epochs=epochs,
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
        finite = {k: v if v is None or math.isfinite(v) else None for k, v in known.items()}
        self.write(step=step, **finite)

    def write(self, **changes: Any) -> None:
        """Write the file, with changes to the fields of `JobProgress`."""
        self._now = self._now.model_copy(update=changes)
        if self._path is None:
            return
        temporary = self._path.with_name(f"{TEMPORARY}{self._path.name}")
        # Not synced to the disk: nobody needs it after the machine went down.
        with suppress(OSError, ValueError):  # a path in an error may not be valid text
            content = canonical_json(signed(self._now.model_dump()))
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(f"{content}\n", encoding="utf-8")
            temporary.replace(self._path)


def progress_beside(log: str | os.PathLike[str]) -> Path:
    """Return the path of the progress file of the job with this log."""
    return Path(log).with_suffix(".progress.json")


def read_progress(path: Path) -> JobProgress | None:
    """Return a job's last progress; None if there is none that can be read."""
    for _ in range(3):  # on a network file system it may be replaced while it is read
        with suppress(BadRecord):
            return read_record(path, JobProgress)
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
