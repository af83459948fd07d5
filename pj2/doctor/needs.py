"""Checks that this machine's memory and disk suffice for a study."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from pj2.cluster.estimate import job_bytes, size_of, states
from pj2.config.names import canonical_json
from pj2.config.schema import StoreConfig, StudyConfig
from pj2.config.study import Run, RunSettings
from pj2.data.layout import identity_of, prepared_folder
from pj2.doctor.finding import Finding, Subject, count
from pj2.doctor.limits import usable_cores, usable_memory
from pj2.doctor.places import nearest_existing, unwritable
from pj2.runs.check import stale_reasons
from pj2.store.manifest import spaced_epochs
from pj2.wording import readable_size


def check_disk(subject: Subject) -> Iterator[Finding]:
    """Check that a study's runs that are missing or stale fit on the disks of results and store."""
    study, runs = subject.study, subject.runs
    if study is None:
        return
    data = identity_of(prepared_folder(study.dataset))
    place = Path("results", study.study, "runs")
    left = [
        run
        for run in runs
        if data is None or stale_reasons(place / run.folder, run.settings, data, verify=False)
    ]
    if left:
        yield from check_room(study, left)
    else:
        found = f"{count(len(runs), 'run')}, all current: they need no more space"
        yield Finding("ok", "disk", found)


def check_room(study: StudyConfig, runs: Sequence[Run]) -> Iterator[Finding]:
    """Check that these runs, which are to be made, fit on the disks of results and store."""
    results = Path("results", study.study)
    if reason := unwritable(results):
        yield Finding(
            "problem",
            "results",
            f"{results}: cannot be written ({reason})",
            "run in a folder of your own: snakemake --directory FOLDER -s path/to/Snakefile all",
        )
    places = {
        results: sum(map(_result_bytes, runs)),
        Path(study.store.path): _store_bytes(runs, study.store),
    }
    needed: dict[Path, int] = {}
    free: dict[Path, int] = {}
    seen: dict[int, Path] = {}
    for place, more in places.items():
        there = nearest_existing(place)
        first = seen.setdefault(there.stat().st_dev, place)
        needed[first] = needed.get(first, 0) + more
        free[first] = shutil.disk_usage(there).free
    for place, more in needed.items():
        folders = " and ".join(map(str, places)) if len(needed) == 1 else str(place)
        text = (
            f"{folders}: {readable_size(free[place])} free, about {readable_size(more)} needed for "
            f"{count(len(runs), 'run')} to be made (estimated from weights and epochs)"
        )
        if more > free[place]:
            yield Finding(
                "problem",
                "disk",
                text,
                "free some (pj2 store gc --thin), put store: elsewhere, or lower epochs",
            )
        else:
            yield Finding("ok", "disk", text)


def check_memory(subject: Subject) -> Iterator[Finding]:
    """Check that the memory suffices for as many runs at once as there are cores."""
    study, runs = subject.study, subject.runs
    if study is None:
        return
    greatest = max(runs, key=lambda run: job_bytes(run.settings))
    each, free, cores = job_bytes(greatest.settings), usable_memory(), usable_cores()
    at_once = min(len(runs), max(1, cores // study.threads))
    text = (
        f"{readable_size(free)} free; {count(at_once, 'run')} at a time, up to "
        f"{readable_size(at_once * each)}, {readable_size(each)} for {greatest.model} with batches "
        f"of {greatest.settings.batch_size} (estimated)"
    )
    fitting = free // each
    if fitting >= at_once:
        yield Finding("ok", "memory", text)
    elif fitting:
        advice = f"snakemake --cores {max(1, fitting * study.threads)} all"
        yield Finding("warning", "memory", text, advice)
    else:
        yield Finding("problem", "memory", text, "a smaller batch_size, or close other programs")


def _result_bytes(run: Run) -> int:
    return 2 * size_of(run.settings).weights  # best and last weights


def _store_bytes(runs: Sequence[Run], store: StoreConfig) -> int:
    """Return the growth of the store: weights of all or a few epochs, and an optimizer's state.

    Runs that differ only in their epoch budget share their epochs.
    """
    longest: dict[str, RunSettings] = {}
    for run in runs:
        known = longest.setdefault(canonical_json(run.settings.identity()), run.settings)
        if run.settings.epochs > known.epochs:
            longest[canonical_json(run.settings.identity())] = run.settings
    return sum(
        size_of(each).weights * (_kept_epochs(each.epochs, store) + states(each.optimizer))
        for each in longest.values()
    )


def _kept_epochs(epochs: int, store: StoreConfig) -> int:
    """Return at most how many epochs keep weights: spaced ones, the last, the two best."""
    return epochs if store.weights == "all" else min(epochs, len(spaced_epochs(epochs)) + 3)
