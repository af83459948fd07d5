"""Why what is on disk of a run is not what its settings, data and code ask for. No torch."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pj2.config.study import BUDGET, Run, RunSettings
from pj2.data.layout import DataIdentity
from pj2.errors import UserError
from pj2.fingerprint.code import RESULT, code_of
from pj2.fingerprint.run import (
    Fingerprint,
    differences,
    run_fingerprint,
    setting_differences,
)
from pj2.runs.files import BEST, EPOCHS, LAST, PROBES, RUN, SHIFT, STEPS
from pj2.runs.plan import Machine, actions, seems_there
from pj2.runs.predictions import EVALUATION, PREDICTIONS, fingerprint_of
from pj2.store.files import sha256_file
from pj2.store.manifest import Blob
from pj2.store.store import RunStore
from pj2.store.verified import VerifiedFiles

DATA_COMMAND = "snakemake prepare_data"

# What is read of the records, and must have these types.
_RUN_KEYS = {
    "fingerprint": str,
    "settings": dict,
    "settings.model": str,
    "settings.architecture": dict,
    "code.modules": dict,
    "code.packages": dict,
    "data.hash": str,
    "precision.used": str,
    "artifacts": dict,
}
_EVALUATION_KEYS = {
    "fingerprint": str,
    "inputs.settings": dict,
    "inputs.modules": dict,
    "inputs.packages": dict,
    "inputs.data": str,
    "artifacts": dict,
}


class Unreadable(Exception):
    """A record is not there, or is not what this version writes; the message says which."""


def read_run(folder: Path) -> dict[str, Any]:
    """Return a folder's run.json. Raises Unreadable."""
    return _read_record(folder / RUN, _RUN_KEYS)


def stale_reasons(
    folder: Path,
    settings: RunSettings,
    data: DataIdentity | None,
    verify: bool,
    files: VerifiedFiles | None = None,
) -> list[str]:
    """Return why the run in a folder must be made again; nothing if it is current.

    Predictions do not count: see `stale_predictions`.

    Args:
        folder: where run.json and the artifacts that it names lie.
        settings: what the run should be.
        data: what the prepared data are; with None they are not compared.
        verify: compare the artifacts' bytes with the hashes in run.json, not
            only whether the files are there.
        files: hashes that are known already.
    """
    try:
        comparison = _compare(folder, settings, data, verify, files)
    except Unreadable as problem:
        return [str(problem)]
    return [*comparison.inputs, *comparison.budget, *comparison.artifacts]


def stale_predictions(
    folder: Path, data: DataIdentity | None, verify: bool, files: VerifiedFiles | None = None
) -> list[str]:
    """Return why the predictions in a run's folder do not belong to its run.json.

    Nothing if they do. `data`, `verify` and `files` are those of `stale_reasons`.
    """
    try:
        record = _read_record(folder / EVALUATION, _EVALUATION_KEYS)
        named = record["inputs"]["settings"].get("classes", [])
        wanted = _predictions_of(read_run(folder), data.classes if data else named)
        reasons = _fingerprint_differences(EVALUATION, record["inputs"], record, wanted)
    except Unreadable as problem:
        return [str(problem)]
    return reasons + _artifact_problems(folder, EVALUATION, record, (PREDICTIONS,), verify, files)


def why_stale(
    folder: Path,
    settings: RunSettings,
    data: DataIdentity | None,
    store: RunStore,
    machine: Callable[[], Machine],
    files: VerifiedFiles | None = None,
) -> list[str]:
    """Return in words what is stale of a run and its predictions, and what a job would do.

    `data` and `files` are those of `stale_reasons`, `machine` that of `actions`: what it
    tells is where the job would run.
    """
    try:
        run = read_run(folder)
        comparison = _compare(folder, settings, data, True, files)
    except Unreadable as problem:
        if data is None:
            return [f"{problem}: what the store has of it is not known before {DATA_COMMAND}"]
        return [f"{problem}: {_next_action(settings, data.hash, store, machine)}"]
    data_hash = data.hash if data else run["data"]["hash"]
    lines = [*comparison.inputs, *comparison.artifacts]
    budget = ", ".join(comparison.budget)
    if lines:
        lines += comparison.budget
        lines.append(f"next: {_next_action(settings, data_hash, store, machine)}")
    elif budget:
        lines = [f"{budget}: {_next_action(settings, data_hash, store, machine)}"]
    else:
        lines = ["current: made with these settings, data and code, and its files are intact"]
    if data is None:
        lines.append(f"data: not prepared, so not compared; first: {DATA_COMMAND}")
    if comparison.inputs or comparison.artifacts or comparison.budget:
        return [*lines, f"predictions: made again if {BEST} comes out different"]
    return lines + _why_predictions(folder, run, data, store, files)


def nearest_run(run: Mapping[str, Any], runs: Sequence[Run]) -> tuple[Run, list[str]]:
    """Return the run whose settings differ least from a run.json, and how they differ."""

    def distance(candidate: Run) -> tuple[int, float]:
        rate = run["settings"].get("learning_rate")
        comparable = isinstance(rate, float) and rate > 0
        apart = abs(math.log(candidate.settings.learning_rate / rate)) if comparable else 0.0
        return len(setting_differences(run["settings"], _plain(candidate.settings))), apart

    nearest = min(runs, key=distance)
    return nearest, setting_differences(run["settings"], _plain(nearest.settings))


@dataclass(frozen=True)
class _Comparison:
    """What is stale, by what it takes: new epochs, another cut, or the files once more."""

    inputs: list[str]
    budget: list[str]
    artifacts: list[str]


def _compare(
    folder: Path,
    settings: RunSettings,
    data: DataIdentity | None,
    verify: bool,
    files: VerifiedFiles | None,
) -> _Comparison:
    run = read_run(folder)
    before, used = run["data"]["hash"], run["precision"]["used"]
    # Where `auto` was and is asked for, it is what it came to on the machine that made the run.
    asked = {"precision": run["settings"].get("precision")}
    changed = setting_differences(asked, {"precision": settings.precision})
    wanted = run_fingerprint(settings.computed_in(used), data.hash if data else before)
    then = {key: value for key, value in run["settings"].items() if key not in BUDGET}
    inputs = {"settings": {**then, "precision": used}, "data": before, **run["code"]}
    budget = setting_differences(_budget(run["settings"]), _budget(_plain(settings)))
    if run.get("written_by") != code_of(RESULT).digest:
        budget.append("the code that writes a run's files changed")
    expected = (BEST, LAST, STEPS, EPOCHS, *((PROBES, SHIFT) if settings.probe else ()))
    return _Comparison(
        changed + _fingerprint_differences(RUN, inputs, run, wanted),
        budget,
        _artifact_problems(folder, RUN, run, expected, verify, files),
    )


def _next_action(
    settings: RunSettings, data_hash: str, store: RunStore, machine: Callable[[], Machine]
) -> str:
    """Return in words what a training job would do.

    What a blob holds is checked only then, so damage that nothing has read yet is not foreseen.
    """
    found = actions(settings, data_hash, store, machine)
    try:
        return str(next(action for action in found if seems_there(action, settings, store)))
    except UserError as error:
        return f"not restored from the store; the rest depends on the device ({error})"


def _why_predictions(
    folder: Path,
    run: Mapping[str, Any],
    data: DataIdentity | None,
    store: RunStore,
    files: VerifiedFiles | None,
) -> list[str]:
    reasons = stale_predictions(folder, data, True, files)
    if not reasons:
        return ["predictions: current"]
    if data is None:
        return [f"predictions: {line}" for line in reasons]
    stored = store.manifests(_predictions_of(run, data.classes).digest, "predictions")
    has = any(store.has(Blob(**manifest.body["predictions"])) for manifest in stored)
    step = "restored from the store" if has else f"computed with {BEST}"
    return [f"predictions: {line}" for line in (*reasons, f"next: {step}")]


def _read_record(path: Path, keys: Mapping[str, type]) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Unreadable(f"{path.name} is missing") from None
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read ({error.strerror})") from None
    except ValueError:
        raise Unreadable(f"{path.name} is damaged: it is not JSON") from None
    for key, kind in keys.items():
        value = record
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if not isinstance(value, kind):
            raise Unreadable(f"{path.name} is damaged, or another version wrote it: no {key}")
    return cast(dict[str, Any], record)


def _predictions_of(run: Mapping[str, Any], classes: Sequence[str]) -> Fingerprint:
    if BEST not in run["artifacts"]:
        raise Unreadable(f"{RUN} does not name {BEST}")
    return fingerprint_of(run, classes)


def _fingerprint_differences(
    name: str, inputs: Mapping[str, Any], record: Mapping[str, Any], wanted: Fingerprint
) -> list[str]:
    if not all(isinstance(parts, dict) for parts in inputs["modules"].values()):
        raise Unreadable(f"{name} is damaged: its modules are not those that were written")
    found = differences(inputs, wanted.inputs)
    if not found and record["fingerprint"] != wanted.digest:
        return [f"{name} was edited: its fingerprint is not that of what it names"]
    return found


def _artifact_problems(
    folder: Path,
    record_name: str,
    record: Mapping[str, Any],
    expected: Sequence[str],
    verify: bool,
    files: VerifiedFiles | None,
) -> list[str]:
    digest_of = files.sha256 if files else sha256_file
    problems = []
    for name in expected:
        digest = record["artifacts"].get(name)
        try:
            if digest is None:
                problems.append(f"{record_name} does not name {name}")
            elif not verify:
                (folder / name).stat()
            elif digest_of(folder / name) != digest:
                problems.append(
                    f"{name} is damaged: its bytes are not those that {record_name} names"
                )
        except FileNotFoundError:
            problems.append(f"{name} is missing")
        except OSError as error:
            problems.append(f"{name} cannot be read ({error.strerror})")
    return problems


def _budget(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key in BUDGET}


def _plain(settings: RunSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json")
