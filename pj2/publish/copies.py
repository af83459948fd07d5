"""Checks whether runs may be published, and verified copies of their files. No torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pj2.config.study import Run
from pj2.data.layout import DataIdentity
from pj2.runs.check import stale_reasons
from pj2.runs.files import BEST, LAST, PREDICTIONS, RUN
from pj2.runs.record import read_run
from pj2.store.files import Damaged, open_regular
from pj2.store.records import write_record

_CHUNK = 1 << 20


def refusals(results: Path, runs: Sequence[Run], data: DataIdentity) -> list[str]:
    """Return why runs may not be published, one line per run; this does not read their files."""
    problems = []
    for run in runs:
        folder = results / "runs" / run.folder
        reasons = stale_reasons(folder, run.settings, data, verify=False)
        if reasons:
            problems.append(f"{folder}: {'; '.join(reasons)}")
    return problems


def copy_run(source: Path, target: Path) -> list[str]:
    """Copy the published files of a run; return damaged files, one line per file.

    The copy leaves out the weights after the last epoch. For a run without a finished epoch, it
    also leaves out the initial weights and their predictions. Raises BadRecord if the record is
    invalid.
    """
    run = read_run(source)
    target.mkdir(parents=True)
    write_record(target / RUN, run)
    left_out = {LAST} if run["best_epoch"] is not None else {LAST, BEST, PREDICTIONS}
    problems = []
    for name in sorted(run["artifacts"].keys() - left_out):
        try:
            if _copy(source / name, target / name) != run["artifacts"][name]:
                problems.append(
                    f"{source / name}: damaged: its bytes are not those that {RUN} names"
                )
        except Damaged as problem:
            problems.append(f"{source / name}: damaged: {problem.strerror}")
    return problems


def _copy(source: Path, target: Path) -> str:
    """Copy a file and return the hex SHA-256 of the copy."""
    digest = hashlib.sha256()
    with open_regular(source) as reading, target.open("xb") as writing:
        while piece := reading.read(_CHUNK):
            digest.update(piece)
            writing.write(piece)
    return digest.hexdigest()
