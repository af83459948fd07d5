"""Why what is on disk of a run is not what its settings, data and code ask for. No torch."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pj2.config.study import BUDGET, Run, RunSettings
from pj2.data.layout import DataIdentity
from pj2.errors import UserError
from pj2.fingerprint.code import RESULT, code_of
from pj2.fingerprint.run import (
    Fingerprint,
    differences,
    prediction_fingerprint,
    run_fingerprint,
    setting_differences,
)
from pj2.runs.files import BEST, PREDICTIONS, RUN, artifact_names
from pj2.runs.plan import Machine, actions, expected, in_words
from pj2.store.files import sha256_file
from pj2.store.store import RunStore
from pj2.store.verified import VerifiedFiles

DATA_COMMAND = "snakemake prepare_data"

# What is read of a run.json, and must have these types.
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
_PREDICTIONS_KEYS = {
    "predictions.fingerprint": str,
    "predictions.inputs.settings": dict,
    "predictions.inputs.settings.classes": list,
    "predictions.inputs.modules": dict,
    "predictions.inputs.packages": dict,
    "predictions.inputs.data": str,
}


class Unreadable(Exception):
    """A run.json is not there, or is not what this version writes; the message says which."""


def read_run(folder: Path) -> dict[str, Any]:
    """Return a folder's run.json. Raises Unreadable."""
    try:
        run: dict[str, Any] = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Unreadable(f"{RUN} is missing") from None
    except OSError as error:
        raise Unreadable(f"{RUN} cannot be read ({error.strerror})") from None
    except ValueError:
        raise Unreadable(f"{RUN} is damaged: it is not JSON") from None
    _require(run, _RUN_KEYS)
    return run


def recorded_predictions(run: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the fingerprint and inputs of the predictions that a run.json names, None if none.

    Raises Unreadable.
    """
    if PREDICTIONS not in run["artifacts"]:
        return None
    _require(run, _PREDICTIONS_KEYS)
    record: Mapping[str, Any] = run["predictions"]
    return record


def stale_reasons(
    folder: Path,
    settings: RunSettings,
    data: DataIdentity | None,
    verify: bool,
    files: VerifiedFiles | None = None,
) -> list[str]:
    """Return why the run in a folder must be made again; nothing if it is current.

    Args:
        folder: where run.json and the artifacts that it names lie.
        settings: what the run should be.
        data: what the prepared data are; with None they are not compared.
        verify: compare the artifacts' bytes with the hashes in run.json, not
            only whether the files are there.
        files: hashes that are known already.
    """
    try:
        stale, budget = _compare(read_run(folder), folder, settings, data, verify, files)
    except Unreadable as problem:
        return [str(problem)]
    return stale + budget


def why_stale(
    folder: Path,
    settings: RunSettings,
    data: DataIdentity | None,
    store: RunStore,
    machine: Callable[[], Machine],
    files: VerifiedFiles | None = None,
) -> list[str]:
    """Return in words what is stale of a run, and what a job would do.

    `data` and `files` are those of `stale_reasons`, `machine` that of `actions`: what it
    tells is where the job would run.
    """
    try:
        run = read_run(folder)
        stale, budget = _compare(run, folder, settings, data, True, files)
    except Unreadable as problem:
        if data is None:
            return [f"{problem}: what the store has of it is not known before {DATA_COMMAND}"]
        return [f"{problem}: {_next_action(settings, data, store, machine)}"]
    if stale or budget:
        action = _next_action(settings, data or _data_of(run), store, machine)
    if stale:
        lines = [*stale, *budget, f"next: {action}"]
    elif budget:
        lines = [f"{', '.join(budget)}: {action}"]
    else:
        lines = ["current: made with these settings, data and code, and its files are intact"]
    if data is None:
        lines.append(f"data: not prepared as they are now, so not compared; first: {DATA_COMMAND}")
    return lines


def check_weights(path: Path, run: Mapping[str, Any]) -> None:
    """Raise UserError unless the weights are those that run.json speaks of."""
    if sha256_file(path) != run["artifacts"][path.name]:
        raise UserError(f"{path}: damaged: not the bytes that run.json names; run snakemake again")


def nearest_run(run: Mapping[str, Any], runs: Sequence[Run]) -> tuple[Run, list[str]]:
    """Return the run whose settings differ least from a run.json, and how they differ."""

    def distance(candidate: Run) -> tuple[int, float]:
        rate = run["settings"].get("learning_rate")
        comparable = isinstance(rate, float) and rate > 0
        apart = abs(math.log(candidate.settings.learning_rate / rate)) if comparable else 0.0
        return len(setting_differences(run["settings"], _plain(candidate.settings))), apart

    nearest = min(runs, key=distance)
    return nearest, setting_differences(run["settings"], _plain(nearest.settings))


def _compare(
    run: Mapping[str, Any],
    folder: Path,
    settings: RunSettings,
    data: DataIdentity | None,
    verify: bool,
    files: VerifiedFiles | None,
) -> tuple[list[str], list[str]]:
    """Return what is stale of a run.json and its files, and what takes only another cut."""
    used, now = run["precision"]["used"], data or _data_of(run)
    # Where `auto` was and is asked for, it is what it came to on the machine that made the run.
    asked = {"precision": run["settings"].get("precision")}
    changed = setting_differences(asked, {"precision": settings.precision})
    wanted = run_fingerprint(settings.computed_in(used), now.hash)
    then = {key: value for key, value in run["settings"].items() if key not in BUDGET}
    inputs = {"settings": {**then, "precision": used}, "data": run["data"]["hash"], **run["code"]}
    budget = setting_differences(_budget(run["settings"]), _budget(_plain(settings)))
    if run.get("written_by") != code_of(RESULT).digest:
        budget.append("the code that writes a run's files changed")
    stale = changed + _fingerprint_differences(inputs, run, wanted)
    # What has changed of the run too is said once.
    stale += [
        f"predictions: {line}" for line in _prediction_differences(run, now) if line not in stale
    ]
    expected = artifact_names(settings.probe is not None)
    return stale + _artifact_problems(folder, run, expected, verify, files), budget


def _prediction_differences(run: Mapping[str, Any], data: DataIdentity) -> list[str]:
    """Return how what predictions were made with differs from a run's weights, and the data."""
    record, weights = recorded_predictions(run), run["artifacts"].get(BEST)
    if record is None or weights is None:
        return []  # which is said of the artifacts
    wanted = prediction_fingerprint(
        weights,
        run["settings"]["model"],
        run["settings"]["architecture"],
        data.hash,
        data.classes,
    )
    return _fingerprint_differences(record["inputs"], record, wanted)


def _data_of(run: Mapping[str, Any]) -> DataIdentity:
    """Return the data that a run and its predictions were made with."""
    record = recorded_predictions(run)
    classes = record["inputs"]["settings"]["classes"] if record else ()
    return DataIdentity(run["data"]["hash"], tuple(classes))


def _next_action(
    settings: RunSettings, data: DataIdentity, store: RunStore, machine: Callable[[], Machine]
) -> str:
    """Return in words what a training job would do.

    What a blob holds is checked only then, so damage that nothing has read yet is not foreseen.
    """
    try:
        return in_words(expected(actions(settings, data, store, machine), store), store)
    except UserError as error:
        return f"not restored from the store; the rest depends on the device ({error})"


def _require(run: Mapping[str, Any], keys: Mapping[str, type]) -> None:
    """Raise Unreadable unless a run.json has these keys, of these types."""
    for key, kind in keys.items():
        value: Any = run
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if not isinstance(value, kind):
            raise Unreadable(f"{RUN} is damaged, or another version wrote it: no {key}")


def _fingerprint_differences(
    inputs: Mapping[str, Any], record: Mapping[str, Any], wanted: Fingerprint
) -> list[str]:
    if not all(isinstance(parts, dict) for parts in inputs["modules"].values()):
        raise Unreadable(f"{RUN} is damaged: its modules are not those that were written")
    changes = differences(inputs, wanted.inputs)
    if not changes and record["fingerprint"] != wanted.digest:
        return [f"{RUN} was edited: its fingerprint is not that of what it names"]
    return changes


def _artifact_problems(
    folder: Path,
    run: Mapping[str, Any],
    expected: Sequence[str],
    verify: bool,
    files: VerifiedFiles | None,
) -> list[str]:
    digest_of = files.sha256 if files else sha256_file
    problems = []
    for name in expected:
        digest = run["artifacts"].get(name)
        try:
            if digest is None:
                problems.append(f"{RUN} does not name {name}")
            elif not verify:
                (folder / name).stat()
            elif digest_of(folder / name) != digest:
                problems.append(f"{name} is damaged: its bytes are not those that {RUN} names")
        except FileNotFoundError:
            problems.append(f"{name} is missing")
        except OSError as error:
            problems.append(f"{name} cannot be read ({error.strerror})")
    return problems


def _budget(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key in BUDGET}


def _plain(settings: RunSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json")
