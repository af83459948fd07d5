"""Why a run on disk is stale: how it differs from what is wanted now. No torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pj2.config.study import BUDGET, Run, RunSettings
from pj2.data.layout import DataIdentity
from pj2.errors import UserError, in_one_line
from pj2.fingerprint.code import RESULT, code_of
from pj2.fingerprint.run import (
    Fingerprint,
    differences,
    prediction_fingerprint,
    run_fingerprint,
    setting_differences,
)
from pj2.runs.files import BEST, RUN, artifact_names
from pj2.runs.plan import Machine, actions, expected, in_words
from pj2.runs.record import RunInfo, read_run
from pj2.store.files import sha256_file
from pj2.store.records import BadRecord
from pj2.store.store import RunStore
from pj2.store.verified import VerifiedFiles

DATA_COMMAND = "snakemake prepare_data"


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
        data: the identity of the prepared data; with None it is not compared.
        verify: compare the artifacts' bytes with the hashes in run.json, not
            only whether the files are there.
        files: a cache of file hashes.
    """
    return examine(folder, settings, data, verify, files)[1]


def examine(
    folder: Path,
    settings: RunSettings,
    data: DataIdentity | None,
    verify: bool,
    files: VerifiedFiles | None = None,
) -> tuple[RunInfo | None, list[str]]:
    """Return a run's record, None if it cannot be trusted, and what `stale_reasons` returns."""
    try:
        run = read_run(folder)
    except BadRecord as problem:
        return None, [problem.in_its_folder]
    stale, budget = _compare(run, folder, settings, data, verify, files)
    return run, stale + budget


def why_stale(
    folder: Path,
    settings: RunSettings,
    data: DataIdentity | None,
    store: RunStore,
    machine: Callable[[], Machine],
    files: VerifiedFiles | None = None,
) -> list[str]:
    """Return in words why a run is stale, and what a job would do.

    `data` and `files` are as in `stale_reasons`, `machine` is as in `actions`: it describes
    the machine where the job would run.
    """
    try:
        run = read_run(folder)
    except BadRecord as problem:
        if data is None:
            then = f"whether the store has it is unknown until {DATA_COMMAND}"
        else:
            then = _next_action(settings, data, store, machine)
        return [f"{problem.in_its_folder}: {then}"]
    stale, budget = _compare(run, folder, settings, data, True, files)
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
    """Raise UserError unless a file of weights has the digest that run.json names."""
    try:
        intact = sha256_file(path) == run["artifacts"][path.name]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); run snakemake again") from None
    if not intact:
        raise UserError(f"{path}: damaged: not the bytes that run.json names; run snakemake again")


def nearest_run(run: RunInfo, runs: Sequence[Run]) -> tuple[Run, list[str]]:
    """Return the run whose settings differ least from a run.json, and how they differ.

    With equally many differences, a run of the same model is nearer.
    """

    def distance(candidate: Run) -> tuple[int, bool, float]:
        own, other = run["settings"], candidate.settings
        differing = len(setting_differences(own, _plain(other)))
        apart = abs(math.log(other.learning_rate / own["learning_rate"]))
        return differing, other.model != own["model"], apart

    nearest = min(runs, key=distance)
    return nearest, setting_differences(run["settings"], _plain(nearest.settings))


def _compare(
    run: RunInfo,
    folder: Path,
    settings: RunSettings,
    data: DataIdentity | None,
    verify: bool,
    files: VerifiedFiles | None,
) -> tuple[list[str], list[str]]:
    """Return why a run is stale: reasons to make it again, and to write only its files again."""
    used, now = run["precision"]["used"], data or _data_of(run)
    # If `auto` was and is asked for, the precision that the run was computed in is right.
    asked = {"precision": run["settings"].get("precision")}
    changed = setting_differences(asked, {"precision": settings.precision})
    wanted = run_fingerprint(settings.computed_in(used), now.hash)
    then = {key: value for key, value in run["settings"].items() if key not in BUDGET}
    inputs = {"settings": {**then, "precision": used}, "data": run["data"]["hash"], **run["code"]}
    budget = setting_differences(_budget(run["settings"]), _budget(_plain(settings)))
    if run["written_by"] != code_of(RESULT).digest:
        budget.append("the code that writes a run's files changed")
    stale = changed + _fingerprint_differences(inputs, run, wanted)
    # A difference that the run has too is reported once.
    stale += [
        f"predictions: {line}" for line in _prediction_differences(run, now) if line not in stale
    ]
    expected = artifact_names(settings.probe is not None)
    stale += _artifact_problems(folder, run, expected, verify, files)
    # The lines quote the record, which may hold any text.
    return list(map(in_one_line, stale)), list(map(in_one_line, budget))


def _prediction_differences(run: RunInfo, data: DataIdentity) -> list[str]:
    """Return how the inputs of stored predictions differ from the run's weights and the data."""
    wanted = prediction_fingerprint(
        run["artifacts"][BEST],
        run["settings"]["model"],
        run["settings"]["architecture"],
        data.hash,
        data.classes,
    )
    return _fingerprint_differences(run["predictions"]["inputs"], run["predictions"], wanted)


def _data_of(run: RunInfo) -> DataIdentity:
    """Return the data that a run and its predictions were made with."""
    return DataIdentity(
        run["data"]["hash"], tuple(run["predictions"]["inputs"]["settings"]["classes"])
    )


def _next_action(
    settings: RunSettings, data: DataIdentity, store: RunStore, machine: Callable[[], Machine]
) -> str:
    """Return in words what a training job would do.

    The job verifies blobs when it reads them, so damage that is not known yet is not foreseen.
    """
    try:
        return in_words(expected(actions(settings, data, store, machine), store), store)
    except UserError as error:
        return f"not restored from the store; the rest depends on the device ({error})"


def _fingerprint_differences(
    inputs: Mapping[str, Any], record: Mapping[str, Any], wanted: Fingerprint
) -> list[str]:
    changes = differences(inputs, wanted.inputs)
    if not changes and record["fingerprint"] != wanted.digest:
        return [f"{RUN} was edited: its fingerprint is not that of what it names"]
    return changes


def _artifact_problems(
    folder: Path,
    run: RunInfo,
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
