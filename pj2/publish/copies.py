"""Which runs may be published, and copies of their files that are verified on the way. No torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pj2.config.study import Run
from pj2.data.layout import DataIdentity
from pj2.errors import UserError
from pj2.runs.check import stale_predictions, stale_reasons
from pj2.runs.files import BEST, EPOCHS, LAST, PROBES, RUN, SHIFT, STEPS
from pj2.runs.predictions import EVALUATION, PREDICTIONS

_CHUNK = 1 << 20
# What each record of a run may name. Whoever wrote it may have named any file.
_ARTIFACTS = {
    RUN: frozenset({BEST, LAST, STEPS, EPOCHS, PROBES, SHIFT}),
    EVALUATION: frozenset({PREDICTIONS}),
}


def refusals(results: Path, runs: Sequence[Run], data: DataIdentity) -> list[str]:
    """Return why runs may not be published, a line a run; their files' bytes are not read yet."""
    problems = []
    for run in runs:
        folder = results / "runs" / run.folder
        reasons = stale_reasons(folder, run.settings, data, verify=False)
        reasons = reasons or stale_predictions(folder, data, verify=False)
        if reasons:
            problems.append(f"{folder}: {'; '.join(reasons)}")
    return problems


def copy_run(source: Path, target: Path) -> list[str]:
    """Copy what is published of a run; return what is damaged, a line a file.

    Left out are the weights after the last epoch, and, of a run that finished no epoch, those
    that it began with and their predictions. Raises UserError if a record names a file that
    no run has.
    """
    target.mkdir(parents=True)
    finished = json.loads((source / RUN).read_bytes())["best_epoch"] is not None
    left_out = {LAST} if finished else {LAST, BEST}
    problems = []
    for record in (RUN, EVALUATION) if finished else (RUN,):
        content = (source / record).read_bytes()
        named = json.loads(content)["artifacts"]
        others = sorted(named.keys() - _ARTIFACTS[record])
        if others:
            raise UserError(
                f"{source / record}: artifacts: names {', '.join(map(repr, others))}, no file of "
                f"a run; expected only {', '.join(sorted(_ARTIFACTS[record]))}"
            )
        (target / record).write_bytes(content)
        for name in sorted((_ARTIFACTS[record] - left_out) & named.keys()):
            if _copy(source / name, target / name) != named[name]:
                problems.append(
                    f"{source / name}: damaged: its bytes are not those that {record} names"
                )
    return problems


def _copy(source: Path, target: Path) -> str:
    """Copy a file and return the hex SHA-256 of what was written."""
    digest = hashlib.sha256()
    with source.open("rb") as reading, target.open("xb") as writing:
        while piece := reading.read(_CHUNK):
            digest.update(piece)
            writing.write(piece)
    return digest.hexdigest()
