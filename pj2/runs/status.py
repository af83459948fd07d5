"""How the runs of a study are doing, from what their jobs left on disk. No torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import pyarrow.parquet as pq

from pj2.config.schema import StudyConfig
from pj2.config.study import Run
from pj2.data.layout import DataIdentity, identity_of, prepared_folder
from pj2.errors import in_one_line
from pj2.runs.check import examine
from pj2.runs.files import EPOCHS, RUN
from pj2.runs.progress_file import TRAIN_LOG, JobProgress, progress_beside, read_progress

State = Literal[
    "running",
    "failed",
    "interrupted",
    "stale",
    "waiting",
    "done",
    "stopped_early",
    "diverged",
]
FINISHED: frozenset[State] = frozenset({"done", "stopped_early", "diverged"})
_STATE_OF: dict[str, State] = {"completed": "done"}

_TAIL = 4096


@dataclass(frozen=True)
class RunStatus:
    """How one run is doing; None stands for what is not known.

    ``state``: ``waiting`` for a job; ``running``; ``failed``, also when its
    process was killed; ``interrupted``, and saved; ``stale``: on disk, but not
    what config, data and code ask for, because of ``reasons``; or finished,
    which is ``done``, ``stopped_early`` or ``diverged``. ``restored``: the
    finished run came from the store.

    ``epoch`` is the current epoch, or how many a finished run took, and
    ``epochs`` the most it may take. ``step`` counts over all epochs, up to
    ``steps``; for a diverged run, it is the step that diverged. ``loss`` and
    ``val_accuracy`` are the latest of a running run; for a finished one, the
    training loss of the last epoch and the validation accuracy of the best.
    ``seconds_left`` is for the whole budget. ``last_line`` is the error of a
    failed run or the end of its log. ``log`` and ``folder`` are below the
    working directory.
    """

    experiment: str
    model: str
    lr: float
    seed: int
    state: State
    epochs: int
    log: str
    folder: str
    restored: bool = False
    epoch: int | None = None
    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    val_accuracy: float | None = None
    images_per_second: float | None = None
    seconds_left: float | None = None
    host: str | None = None
    reasons: tuple[str, ...] = ()
    last_line: str | None = None


def study_status(study: StudyConfig, runs: Sequence[Run], place: Path) -> list[RunStatus]:
    """Return how each run is doing; `place` is the working directory, where ``results`` lies."""
    return StatusReader(study, runs, place).look()


class StatusReader:
    """Reads the status of a study's runs repeatedly; only files that changed are read again."""

    def __init__(self, study: StudyConfig, runs: Sequence[Run], place: Path) -> None:
        self._runs = runs
        self._place = place
        self._results = f"results/{study.study}"
        self._data_folder = place / prepared_folder(study.dataset)
        self._made: dict[str, tuple[object, _Made | None]] = {}
        self._progress: dict[str, tuple[object, JobProgress | None]] = {}

    def look(self) -> list[RunStatus]:
        """Return how each run is doing now. Raises UserError if the data's description is bad."""
        data = identity_of(self._data_folder)
        return [self._status(run, data) for run in self._runs]

    def _status(self, run: Run, data: DataIdentity | None) -> RunStatus:
        folder = f"{self._results}/runs/{run.folder}"
        log = f"{self._results}/{TRAIN_LOG.format(**run.wildcards)}"
        settings = run.settings

        def status(state: State, **known: Any) -> RunStatus:
            return RunStatus(
                experiment=run.experiment,
                model=run.model,
                lr=settings.learning_rate,
                seed=settings.seed,
                state=state,
                epochs=settings.epochs,
                log=log,
                folder=folder,
                **known,
            )

        made = self._read_made(run, data, folder)
        job = self._read_progress(log)
        busy = job is not None and job.state == "running" and job.is_here and job.is_alive
        if made and not made.reasons and not busy:
            return status(made.state, restored=bool(job and job.state == "restored"), **made.known)
        if job and job.state in ("running", "failed", "interrupted"):
            known: dict[str, Any] = {
                name: getattr(job, name)
                for name in ("epoch", "step", "steps", "loss", "val_accuracy", "host")
            }
            if busy or (job.state == "running" and not job.is_here):
                speed = {"images_per_second": job.images_per_second}
                return status("running", seconds_left=job.seconds_left, **speed, **known)
            known["last_line"] = in_one_line(job.error or "") or _last_line(self._place / log)
            if job.state == "running":
                gone = (f"its process {job.pid} is gone: killed, or out of memory",)
                return status("failed", reasons=gone, **known)
            return status(job.state, **known)
        if made:
            return status("stale", reasons=made.reasons)
        return status("waiting")

    def _read_made(self, run: Run, data: DataIdentity | None, folder: str) -> _Made | None:
        path = self._place / folder
        key = (_stamp(path / RUN), data)
        if self._made.get(folder, (None,))[0] != key:
            found = _read_made(path, run, data) if key[0] else None
            self._made[folder] = key, found
        return self._made[folder][1]

    def _read_progress(self, log: str) -> JobProgress | None:
        path = progress_beside(self._place / log)
        key = _stamp(path)
        if key is None:
            return None
        if self._progress.get(log, (None,))[0] != key:
            self._progress[log] = key, read_progress(path)
        return self._progress[log][1]


@dataclass(frozen=True)
class _Made:
    """How a run ended, according to its run.json, or why it is stale."""

    state: State
    known: dict[str, Any]
    reasons: tuple[str, ...]


def _read_made(folder: Path, run: Run, data: DataIdentity | None) -> _Made:
    information, reasons = examine(folder, run.settings, data, verify=False)
    if information is None or reasons:
        return _Made("stale", {}, tuple(reasons))
    try:
        # Twice as fast as `read_table`, which looks for data sets of many files.
        with pq.ParquetFile(folder / EPOCHS) as file:
            epochs = file.read(["train_loss", "val_accuracy"], use_threads=False)
        best = information["best_epoch"]
        known = {
            "epoch": information["epochs_run"],
            "step": information["diverged_at_step"],
            "loss": epochs["train_loss"][-1].as_py() if len(epochs) else None,
            "val_accuracy": None if best is None else epochs["val_accuracy"][best].as_py(),
            "images_per_second": information["images_per_second"],
            "host": None,
        }
    except (OSError, ValueError, IndexError) as problem:
        return _Made("stale", {}, (f"{EPOCHS} or {RUN} is damaged ({type(problem).__name__})",))
    ended = information["status"]
    return _Made(_STATE_OF.get(ended, cast(State, ended)), known, ())


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return numbers that change when a file is replaced; None if there is no file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _last_line(log: Path) -> str | None:
    """Return the last line of a log that is not blank."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return None
    lines = ("".join(filter(str.isprintable, line)).strip() for line in text.splitlines())
    return next((line for line in reversed(list(lines)) if line), None)
