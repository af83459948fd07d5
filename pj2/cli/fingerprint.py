"""Commands that explain a run's fingerprint, and why the run is or is not current."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Collection, Sequence
from contextlib import chdir
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pj2.cli.options import Config, to_stderr
from pj2.errors import UserError

if TYPE_CHECKING:
    from pj2.config.schema import StudyConfig
    from pj2.config.study import Run
    from pj2.data.layout import DataIdentity
    from pj2.runs.plan import Machine


def complete_run(context: typer.Context, incomplete: str) -> list[str]:
    """Return completions of a RUN of the config, up to the next slash, for a shell."""
    from pj2.config.load import load_study
    from pj2.config.study import list_runs

    try:
        runs = list_runs(load_study(context.params.get("config") or "config.yaml"))
    except UserError:
        return []
    length = incomplete.count("/") + 1
    offered: dict[str, None] = {}
    for run in runs:
        parts = run.folder.split("/")
        starts = range(len(parts) - length + 1)
        offered |= dict.fromkeys("/".join(parts[start : start + length]) for start in starts)
    return [each for each in offered if each.startswith(incomplete)]


Selection = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        autocompletion=complete_run,
        help="A run's folder, or part of it: experiment=E/model=M/lr=L/seed=S, model=M, …",
    ),
]

_KEYS = ("experiment", "model", "lr", "seed")


def fingerprint(
    run: Selection,
    explain: Annotated[
        bool, typer.Option(help="List everything that the fingerprint covers.")
    ] = False,
    config: Config = Path("config.yaml"),
) -> None:
    """Print a run's fingerprint; for several runs, each one's fingerprint and folder.

    With precision: auto, it is the fingerprint of the run as this machine would compute it.

    Example: pj2 fingerprint model=VGG_A/lr=1e-4 --explain
    """
    from pj2.fingerprint.run import explain as lines_of
    from pj2.fingerprint.run import run_fingerprint
    from pj2.runs.precision import auto_precision

    study, runs, selector, chosen = _select(run, config)
    if not chosen:
        raise selector.no_match(runs, config)
    data = _data(selector.place, study)
    if data is None:
        problem = (
            "the data are not prepared yet, and their content hash is part of every "
            "fingerprint; first run: snakemake prepare_data"
        )
        if not explain:
            raise UserError(problem)
        to_stderr(f"pj2: {problem}")
    machine = _machine_of(study)
    for each in chosen:
        settings = each.settings
        if settings.precision == "auto":
            settings = settings.computed_in(auto_precision(machine().hardware))
        computed = run_fingerprint(settings, data.hash if data else "")
        digest = computed.digest if data else "not known yet"
        print(digest if len(chosen) == 1 else f"{digest}  {each.folder}")
        if explain:
            print(*lines_of(computed), sep="\n")


def why(run: Selection, config: Config = Path("config.yaml")) -> None:
    """Say why a run is stale, or that it is current, and why it was last made again.

    Example: pj2 why experiment=landscape/model=VGG_A/lr=1e-4/seed=0
    """
    from pj2.runs.check import nearest_run, why_stale
    from pj2.runs.history import HISTORY, noted
    from pj2.runs.record import read_run
    from pj2.store.open import open_store
    from pj2.store.records import BadRecord
    from pj2.store.verified import VERIFIED, VerifiedFiles

    study, runs, selector, chosen = _select(run, config)
    results = selector.place / "results" / study.study / "runs"
    known = {each.folder for each in runs}
    left = [folder for folder in _on_disk(results) if folder not in known and selector.fits(folder)]
    if not chosen and not left:
        raise selector.no_match(runs, config)
    data = _data(selector.place, study)
    store_path = os.path.join(selector.place, study.store.path)
    store = open_store(store_path, study.store.remote, to_stderr)
    files = VerifiedFiles(selector.place / VERIFIED)
    machine = _machine_of(study)
    for each in chosen:
        lines = why_stale(results / each.folder, each.settings, data, store, machine, files)
        _print_of(each.folder, [*lines, *noted(results.parent / HISTORY, each.folder)])
    for folder in left:
        try:
            nearest, changes = nearest_run(read_run(results / folder), runs)
            line = f"nearest is {nearest.folder}: {', '.join(changes) or 'the same settings'}"
        except BadRecord as problem:
            line = problem.in_its_folder
        _print_of(folder, [f"not in {config}; {line}"])
    files.save()


def _machine_of(study: StudyConfig) -> Callable[[], Machine]:
    """Return a function that describes this machine once; torch is imported only then."""

    @cache
    def machine() -> Machine:
        from pj2.training.device import choose_device, describe_machine

        return describe_machine(choose_device(study.device))

    return machine


@dataclass(frozen=True)
class _Selector:
    """The runs that a RUN names: `wanted` are keys and values, `place` the working directory."""

    text: str
    wanted: tuple[tuple[str, str], ...]
    place: Path

    def fits(self, folder: str) -> bool:
        return set(self.wanted) <= set(_pairs(folder))

    def among(self, runs: Sequence[Run]) -> list[Run]:
        wanted = set(self.wanted)
        return [run for run in runs if wanted <= run.wildcards.items()]

    def no_match(self, runs: Sequence[Run], config: Path) -> UserError:
        """Return the error that names the nearest run, up to the keys that RUN contains."""
        keys = {key for key, _ in self.wanted if key in _KEYS}
        if keys:
            valid = {_part(run, keys) for run in runs}
        else:
            valid = {_part(run, {key}) for run in runs for key in _KEYS}
        asked = "/".join(f"{key}={value}" for key, value in self.wanted) or self.text
        nearest = difflib.get_close_matches(asked, sorted(valid), n=1, cutoff=0.0)[0]
        return UserError(f"{self.text}: no such run in {config}; the nearest is {nearest}")


def _select(text: str, config: Path) -> tuple[StudyConfig, list[Run], _Selector, list[Run]]:
    """Return a study, its runs, the parsed RUN, and the runs that it names."""
    from pj2.config.load import load_study
    from pj2.config.study import list_runs

    study = load_study(config)
    runs = list_runs(study)
    selector = _parse(text, study, config, runs)
    return study, runs, selector, selector.among(runs)


def _parse(text: str, study: StudyConfig, config: Path, runs: Sequence[Run]) -> _Selector:
    """Split a RUN into the folder of the results and the keys of the run."""
    parts = text.rstrip("/").split("/")
    first = len(parts)
    while first and "=" in parts[first - 1]:
        first -= 1
    before = "/".join(parts[:first])
    here = _Selector(text, _pairs("/".join(parts[first:])), Path())
    if first == 0:
        return here
    # Not resolved, since results/ may be a link to a larger disk.
    runs_folder = Path(os.path.abspath(before or "/"))
    if runs_folder.parts[-3:] == ("results", study.study, "runs"):
        return _Selector(text, here.wanted, runs_folder.parents[2])
    if not here.wanted:
        raise here.no_match(runs, config)
    raise UserError(
        f"{text}: {config} is the study {study.study}, whose runs are in "
        f"results/{study.study}/runs, not in {before or '/'}"
    )


def _pairs(folder: str) -> tuple[tuple[str, str], ...]:
    """Return the keys and values in a run's folder, values in canonical spelling."""
    from pj2.config.names import spelled_learning_rate

    pairs = []
    for part in folder.split("/") if folder else ():
        key, _, value = part.partition("=")
        if key == "lr":
            value = spelled_learning_rate(value)
        elif key == "seed" and value.isdecimal():
            value = str(int(value))
        pairs.append((key, value))
    return tuple(pairs)


def _part(run: Run, keys: Collection[str]) -> str:
    return "/".join(f"{key}={value}" for key, value in run.wildcards.items() if key in keys)


def _on_disk(results: Path) -> list[str]:
    pattern = "/".join(f"{key}=*" for key in _KEYS)
    return sorted(path.relative_to(results).as_posix() for path in results.glob(pattern))


def _data(place: Path, study: StudyConfig) -> DataIdentity | None:
    """Return the identity of the prepared data; None without them, or if their source changed.

    If the source files are gone, a line on stderr says that changes cannot be detected.
    """
    from pj2.data.changes import is_outdated
    from pj2.data.layout import identity_of, prepared_folder

    folder = prepared_folder(study.dataset)
    try:
        with chdir(place):
            outdated = is_outdated(folder, study.dataset)
    except UserError as error:
        to_stderr(f"pj2: {error.problems[0]}; assuming that the prepared data are current")
        outdated = False
    return None if outdated else identity_of(place / folder)


def _print_of(folder: str, lines: Sequence[str]) -> None:
    print(folder)
    for line in lines:
        print(f"  {line}")
