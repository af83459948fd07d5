"""The sides of a comparison: their runs, and which of them face each other."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from pj2.config.names import canonical_learning_rate
from pj2.errors import UserError
from pj2.runs.reading import (
    PathLike,
    RunRecord,
    by_model,
    by_setting,
    chosen_setting,
    model_names,
    read_object,
)

RUN_KEYS = ("experiment", "model", "lr", "seed")
_INFO_KEYS = (
    "status", "diverged_at_step", "best_epoch", "epochs_run", "settings", "seconds", "hardware",
    "precision", "data",
)  # fmt: skip

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Side:
    """One of the things compared: its name in tables, where it lies, its runs (one or more)."""

    name: str
    folder: Path
    runs: tuple[RunRecord, ...]


class Cell(NamedTuple):
    """One setting of a side: runs that differ in their seed alone."""

    side: str
    experiment: str
    model: str
    lr: str


def ignore(line: str) -> None:
    """Tell nobody."""


def runs_below(folder: PathLike, tell: Tell = ignore) -> list[RunRecord]:
    """Return the finished runs of a folder: it is a run's, one above runs, or a study's.

    Runs are known by the last parts of their path, experiment=/model=/lr=/seed=, and
    are sorted by them. One without a readable run.json is left out, and `tell` gets a
    line about it. There may be none.
    """
    top = Path(folder)
    if os.path.basename(os.path.abspath(top)).startswith("seed=") or (top / "run.json").is_file():
        places = [top]
    else:
        below = top / "runs" if (top / "runs").is_dir() else top
        places = sorted(path for path in below.rglob("seed=*") if path.is_dir())
    runs = []
    for place in places:
        try:
            runs.append(_read_run(place))
        except UserError as error:
            tell(f"{error}; left out")
    return sorted(runs, key=lambda run: (run.experiment, run.model, run.learning_rate, run.seed))


def sides_by_model(folder: Path, runs: Sequence[RunRecord]) -> list[Side]:
    """Return the models of a study as sides of a comparison, in the order of the runs."""
    names = model_names(runs)
    return [Side(names[key], folder, tuple(group)) for key, group in by_model(runs).items()]


def _read_run(folder: Path) -> RunRecord:
    """Read a run.json. Raises UserError, one line, if it is not that of a run in its place."""
    parts = [part.partition("=") for part in Path(os.path.abspath(folder)).parts[-len(RUN_KEYS) :]]
    cell = {key: value for key, _, value in parts}
    if tuple(cell) != RUN_KEYS or not cell["seed"].isdecimal() or not _is_rate(cell["lr"]):
        raise UserError(
            f"{folder}: not the folder of a run, which is experiment=…/model=…/lr=…/seed=…"
        )
    if not (folder / "run.json").exists():
        raise UserError(f"{folder}: has no run.json, so it is not finished")
    info = read_object(folder / "run.json", _INFO_KEYS)
    return RunRecord(cell["experiment"], cell["model"], cell["lr"], int(cell["seed"]), folder, info)


def _is_rate(text: str) -> bool:
    try:
        canonical_learning_rate(text)
    except ValueError:
        return False
    return True


def label_of(side: Side, run: RunRecord) -> str:
    """Name a run in a list: its side, and its cell as far as the side's name leaves it open."""
    parts = [run.model, f"lr={run.lr}", f"seed={run.seed}"]
    if len({each.experiment for each in side.runs}) > 1:
        parts.insert(0, run.experiment)
    said = re.split("[ /]", side.name)
    return " ".join([side.name, *(part for part in parts if part not in said)])


def cell_of(side: Side, run: RunRecord) -> Cell:
    """Return the setting that a run of a side belongs to."""
    return Cell(side.name, run.experiment, run.model, run.lr)


def cells_of(sides: Iterable[Side]) -> dict[Cell, list[RunRecord]]:
    """Return every setting of every side with its runs."""
    return {
        cell_of(side, group[0]): group for side in sides for group in by_setting(side.runs).values()
    }


# Which runs are compared with which.

_Settings = Mapping[tuple[str, str, str], list[RunRecord]]
_Key = Callable[[tuple[str, str, str]], tuple[str, ...]]


class Pair(NamedTuple):
    """Two settings, and the runs of each that are compared: `matched_by` says why."""

    one: Cell
    other: Cell
    runs: list[tuple[RunRecord, RunRecord]]
    matched_by: str


def opponents(sides: Sequence[Side]) -> list[tuple[Side, Side]]:
    """Return the pairs of sides to compare, in their order."""
    pairs = list(combinations(sides, 2))
    if len({side.folder for side in sides}) > 1:
        return pairs
    # An experiment holds what is meant to be compared; between two, recipes differ as well.
    within = [
        (one, other) for one, other in pairs if one.runs[0].experiment == other.runs[0].experiment
    ]
    return within or pairs


def match(one: Side, other: Side) -> list[Pair]:
    """Pair the settings of two sides.

    Runs that both have, by model, learning rate and seed, are pairs: of the same
    experiment, or else of any. Failing that, two runs are a pair, two settings are one
    by seed, and two models are paired by learning rate and seed, or else at the learning
    rates that validation chose.
    """
    left: _Settings = by_setting(one.runs)
    right: _Settings = by_setting(other.runs)
    pairs: list[Pair] = []
    keys: tuple[_Key, ...] = (lambda setting: setting, lambda setting: setting[1:])
    for key in keys:  # with the experiment, and without
        found = _paired(one, other, left, right, key, "the same model, learning rate and seed")
        pairs += found
        left = _without(left, [pair.one for pair in found])
        right = _without(right, [pair.other for pair in found])
    if pairs:
        return pairs
    if len(one.runs) == len(other.runs) == 1 and one.runs[0].seed != other.runs[0].seed:
        (run,), (opponent,) = one.runs, other.runs
        words = "the only run of each side, of different seeds"
        return [Pair(cell_of(one, run), cell_of(other, opponent), [(run, opponent)], words)]
    if len(left) == len(right) == 1:
        return _paired(one, other, left, right, lambda _: (), "the same seed")
    if len(by_model(one.runs)) > 1 or len(by_model(other.runs)) > 1:
        return []
    words = "the same learning rate and seed"
    pairs = _paired(one, other, left, right, lambda setting: setting[2:], words)
    if pairs:
        return pairs
    left, right = by_setting(chosen_setting(one.runs)), by_setting(chosen_setting(other.runs))
    words = "the same seed, each at the learning rate of its best validation accuracy"
    return _paired(one, other, left, right, lambda _: (), words)


def _paired(
    one: Side, other: Side, left: _Settings, right: _Settings, key: _Key, words: str
) -> list[Pair]:
    """Pair settings of equal keys that have seeds in common; a key that is not unique, never."""
    pairs = []
    theirs = _by_key(right, key)
    for asked, group in _by_key(left, key).items():
        seeds = {run.seed: run for run in theirs.get(asked, ())}
        runs = [(run, seeds[run.seed]) for run in group if run.seed in seeds]
        if runs:
            pairs.append(Pair(cell_of(one, runs[0][0]), cell_of(other, runs[0][1]), runs, words))
    return pairs


def _by_key(settings: _Settings, key: _Key) -> dict[tuple[str, ...], list[RunRecord]]:
    times = Counter(map(key, settings))
    return {key(setting): group for setting, group in settings.items() if times[key(setting)] == 1}


def _without(settings: _Settings, cells: Iterable[Cell]) -> _Settings:
    gone = {(cell.experiment, cell.model, cell.lr) for cell in cells}
    return {setting: group for setting, group in settings.items() if setting not in gone}
