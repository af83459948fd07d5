"""Runs and studies side by side: how they were made, and how they end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pj2.analysis.sides import (
    Cell,
    Pair,
    Side,
    Tell,
    cells_of,
    ignore,
    label_of,
    match,
    opponents,
)
from pj2.config.names import canonical_json
from pj2.errors import UserError
from pj2.exhibits.pairwise.numbers import verdict_of
from pj2.fingerprint.code import PACKAGE_FOLDER, source_file
from pj2.fingerprint.run import flat
from pj2.runs.reading import (
    Predictions,
    RunRecord,
    epochs,
    precision_of,
    predictions,
)
from pj2.statistics import (
    Mean,
    PairedDifference,
    holm,
    mcnemar_p,
    mean_interval,
    paired_difference,
    wilson_interval,
)
from pj2.wording import in_unlike_precisions

MEASURES = (
    "epochs", "val_accuracy_last", "val_accuracy_best", "train_loss_last", "val_loss_last",
    "test_accuracy", "seconds",
)  # fmt: skip

SAME_RUN = "the same run"
NO_PREDICTIONS = "no predictions"
OTHER_IMAGES = "other test images: not comparable"
ONE_IMAGE = "one test image: not comparable"

_BUDGET = ("epochs", "patience", "monitor")  # in no fingerprint, but they end a run elsewhere


@dataclass(frozen=True)
class EndValues:
    """How the runs of one setting end.

    `means` has a mean over seeds for each of `MEASURES`, None where no run has a value:
    accuracies are fractions, losses nats, ``seconds`` wall time. ``_last`` is after the
    last epoch, ``_best`` the greatest of all epochs; the test accuracy is that of the
    chosen epoch. `test_interval` is its 95 % Wilson interval if just one run was tested.
    """

    cell: Cell
    seeds: tuple[int, ...]
    means: Mapping[str, Mean | None]
    test_interval: tuple[float, float] | None


@dataclass(frozen=True)
class Difference:
    """The test accuracy of `one` less that of `other`, over the seeds that both have.

    `matched_by` says in words what made the two a pair. `paired` is None where there is
    nothing to subtract, and `verdict` then says why; else it is that of the table of
    pairs. `p_values` are those of McNemar's test, one for each of `seeds`, Holm-adjusted
    for all tests of the comparison.
    """

    one: Cell
    other: Cell
    seeds: tuple[int, ...]
    matched_by: str
    paired: PairedDifference | None
    p_values: tuple[float, ...]
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """Everything that is said about some sides.

    `settings` holds, for each key whose values are not the same on all sides, the
    values of every side. `code` names the source files that differ, None if no side
    recorded any. `pairs` counts the pairs; `differences` are all of them, or those that
    are furthest apart. `diverged`, `untested` and `unmatched` name runs.
    """

    sides: tuple[Side, ...]
    settings: Mapping[str, tuple[tuple[Any, ...], ...]]
    code: tuple[str, ...] | None
    end_values: tuple[EndValues, ...]
    differences: tuple[Difference, ...]
    pairs: int
    diverged: tuple[str, ...]
    untested: tuple[str, ...]
    unmatched: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON has it; what is not known is null."""
        return {
            "sides": [_side_as_json(side) for side in self.sides],
            "settings": {key: list(map(list, found)) for key, found in self.settings.items()},
            "code_differs_in": None if self.code is None else list(self.code),
            "end_values": [_end_as_json(end) for end in self.end_values],
            "differences": [_difference_as_json(found) for found in self.differences],
            "pairs": self.pairs,
            "diverged": list(self.diverged),
            "untested": list(self.untested),
            "unmatched": list(self.unmatched),
        }


def compare_sides(
    sides: Sequence[Side], tell: Tell = ignore, most: int | None = None
) -> Comparison:
    """Compare every side with every other; see `Comparison`.

    Models of one study are compared within an experiment, if one has two of them.
    Intervals take up to seconds a pair: with `most` they are computed for so many pairs,
    those whose accuracies are furthest apart. `tell` gets a line for every recording
    that cannot be read.
    """
    end_of: _EndOf = cache(lambda run: _read_end(run, tell))
    pairs = [pair for one, other in opponents(sides) for pair in match(one, other)]
    matched = {(pair.one.side, run) for pair in pairs for run, _ in pair.runs}
    matched |= {(pair.other.side, run) for pair in pairs for _, run in pair.runs}
    runs = {(side.name, run): label_of(side, run) for side in sides for run in side.runs}
    return Comparison(
        tuple(sides),
        _setting_table(sides),
        _code_differences(sides),
        tuple(_end_values(cell, group, end_of) for cell, group in cells_of(sides).items()),
        tuple(_differences(pairs, end_of, most)),
        len(pairs),
        tuple(
            f"{label} at step {run.diverged_at:,}"
            for (_, run), label in runs.items()
            if run.diverged_at is not None
        ),
        tuple(label for (_, run), label in runs.items() if end_of(run).right is None),
        tuple(label for key, label in runs.items() if key not in matched),
    )


# How the sides were made.


def _setting_table(sides: Sequence[Side]) -> dict[str, tuple[tuple[Any, ...], ...]]:
    """Return the values of each side for every key whose values are not the same on all.

    Keys are those of the settings, section and key joined by a dot, then the precision
    that was used, and the hardware, data and versions. A side that lacks a key has none.
    """
    tables = [_values(side.runs) for side in sides]
    keys = dict.fromkeys(key for table in tables for key in table)
    found = {key: [table.get(key, {}) for table in tables] for key in keys}
    return {
        key: tuple(tuple(values.values()) for values in columns)
        for key, columns in found.items()
        if any(values.keys() != columns[0].keys() for values in columns)
    }


def _values(runs: Iterable[RunRecord]) -> dict[str, dict[str, Any]]:
    """Return the distinct values of each key, by their JSON text."""
    found: dict[str, dict[str, Any]] = {}
    for run in runs:
        for key, value in _facts(run.info):
            found.setdefault(key, {})[canonical_json(value)] = value
    return found


def _facts(info: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    settings = dict(flat(info["settings"]))
    first = ("model", "learning_rate", "seed")
    yield from ((key, settings.pop(key)) for key in first if key in settings)
    yield from settings.items()
    yield "precision used", info["precision"]["used"]
    for section in ("hardware", "data"):
        yield from flat(info[section], f"{section}.")
    packages = info.get("code", {}).get("packages", {})
    # The versions of the run are exact; those of the fingerprint end at the second part.
    yield from flat({**packages, **info.get("versions", {})}, "version.")


def _code_differences(sides: Sequence[Side]) -> tuple[str, ...] | None:
    """Return the source files that are not the same on the sides that have them; None if none has.

    A file that a side lacks belongs to another model, or is no longer imported: then the
    file that imported it has changed, and is named.
    """
    digests: dict[str, list[set[str]]] = {}
    for side in sides:
        found: dict[str, set[str]] = {}
        for run in side.runs:
            for module, parts in run.info.get("code", {}).get("modules", {}).items():
                found.setdefault(module, set()).add(canonical_json(parts))
        for module, those in found.items():
            digests.setdefault(module, []).append(those)
    if not digests:
        return None
    changed = [module for module, found in digests.items() if any(d != found[0] for d in found)]
    return tuple(
        source_file(module).relative_to(PACKAGE_FOLDER.parent).as_posix()
        for module in sorted(changed)
    )


# How the runs end.


class _End(NamedTuple):
    """How a run ends: a value for each of `MEASURES`, and which test images it recognised.

    `right` is bool[n], None if it was not tested; `images` is a digest of the labels and
    of the images' places, equal for equal test images.
    """

    values: Mapping[str, float | None]
    right: np.ndarray | None
    images: str


_EndOf = Callable[[RunRecord], _End]


def _read_end(run: RunRecord, tell: Tell) -> _End:
    values: dict[str, float | None] = dict.fromkeys(MEASURES)
    values |= {"epochs": run.info["epochs_run"], "seconds": run.info["seconds"]}
    guesses = None
    try:
        values |= _at_the_end(epochs(run))
    except UserError as error:
        tell(f"{error}; left out of the end values")
    try:
        guesses = _predictions(run)
    except UserError as error:
        tell(f"{error}; left out of the test accuracies")
    if guesses is None:
        return _End(values, None, "")
    right = guesses.right
    values["test_accuracy"] = float(right.mean())
    return _End(values, right, guesses.images)


def _predictions(run: RunRecord) -> Predictions | None:
    """Return a run's predictions; None if it has none, diverged at once or not yet evaluated."""
    return predictions(run) if (run.folder / "predictions.parquet").is_file() else None


def _at_the_end(measured: pd.DataFrame) -> dict[str, float]:
    if not len(measured):
        return {}
    last = measured.iloc[-1]
    return {
        "val_accuracy_last": float(last["val_accuracy"]),
        "val_accuracy_best": float(measured["val_accuracy"].max()),
        "train_loss_last": float(last["train_loss"]),
        "val_loss_last": float(last["val_loss"]),
    }


def _end_values(cell: Cell, runs: Sequence[RunRecord], end_of: _EndOf) -> EndValues:
    ends = [end_of(run) for run in runs]
    means: dict[str, Mean | None] = {}
    for name in MEASURES:
        known = [value for end in ends if (value := end.values[name]) is not None]
        means[name] = mean_interval(known) if known else None
    tested = [end.right for end in ends if end.right is not None]
    interval = None
    if len(tested) == 1:
        interval = wilson_interval(int(tested[0].sum()), len(tested[0]))
    return EndValues(cell, tuple(run.seed for run in runs), means, interval)


# How far apart they are.


class _Recognised(NamedTuple):
    """Which images the runs of a pair recognised: both bool[S, N], a row for each of `seeds`.

    `problem` says why there is nothing to subtract.
    """

    seeds: tuple[int, ...]
    one: np.ndarray
    other: np.ndarray
    problem: str | None

    @property
    def apart(self) -> float:
        """How far the accuracies are apart; 0 where that is not known."""
        return 0.0 if self.problem else abs(float(self.one.mean() - self.other.mean()))


def _recognised(pair: Pair, end_of: _EndOf) -> _Recognised:
    seeds: list[int] = []
    one: list[np.ndarray] = []
    other: list[np.ndarray] = []
    images: set[str] = set()
    for run, opponent in pair.runs:
        first, second = end_of(run), end_of(opponent)
        if first.right is not None and second.right is not None:
            seeds.append(run.seed)
            one.append(first.right)
            other.append(second.right)
            images |= {first.images, second.images}
    nothing = np.empty(0)
    if all(_is_same_run(run, opponent) for run, opponent in pair.runs):
        return _Recognised(tuple(run.seed for run, _ in pair.runs), nothing, nothing, SAME_RUN)
    if not seeds:
        return _Recognised((), nothing, nothing, NO_PREDICTIONS)
    if len(images) > 1:
        return _Recognised(tuple(seeds), nothing, nothing, OTHER_IMAGES)
    problem = None if len(one[0]) > 1 else ONE_IMAGE
    return _Recognised(tuple(seeds), np.stack(one), np.stack(other), problem)


def _is_same_run(one: RunRecord, other: RunRecord) -> bool:
    """Tell whether two runs are one: the same epochs, and a budget that ends them alike."""
    if one.folder.absolute() == other.folder.absolute():
        return True
    digest = one.info.get("fingerprint")
    budget, theirs = ([run.info["settings"].get(key) for key in _BUDGET] for run in (one, other))
    return digest is not None and digest == other.info.get("fingerprint") and budget == theirs


def _differences(pairs: Sequence[Pair], end_of: _EndOf, most: int | None) -> Iterator[Difference]:
    """Yield what may be said of each pair, of at most `most`; p-values are adjusted for all."""
    found = [_recognised(pair, end_of) for pair in pairs]
    tests = [
        []
        if each.problem
        else [mcnemar_p(*rows) for rows in zip(each.one, each.other, strict=True)]
        for each in found
    ]
    adjusted = iter(holm([p for values in tests for p in values]))
    p_values = [tuple(next(adjusted) for _ in values) for values in tests]
    shown = list(range(len(pairs)))
    if most is not None and len(pairs) > most:
        shown = sorted(shown, key=lambda place: -found[place].apart)[:most]
    for place in shown:
        pair, each = pairs[place], found[place]
        paired, verdict = None, each.problem or ""
        if not each.problem:
            paired = paired_difference(each.one, each.other)
            used = [precision_of(run) for both in pair.runs for run in both]
            verdict = in_unlike_precisions(verdict_of(paired, max(p_values[place])), used)
        yield Difference(
            pair.one, pair.other, each.seeds, pair.matched_by, paired, p_values[place], verdict
        )


# As JSON.


def _side_as_json(side: Side) -> dict[str, Any]:
    return {
        "name": side.name,
        "folder": str(side.folder),
        "runs": [
            {
                "experiment": run.experiment,
                "model": run.model,
                "learning_rate": run.learning_rate,
                "seed": run.seed,
                "status": run.info["status"],
                "diverged_at_step": run.diverged_at,
                "fingerprint": run.info.get("fingerprint"),
                "folder": str(run.folder),
            }
            for run in side.runs
        ],
    }


def _cell_as_json(cell: Cell) -> dict[str, Any]:
    return {
        "side": cell.side,
        "experiment": cell.experiment,
        "model": cell.model,
        "learning_rate": float(cell.lr),
    }


def _end_as_json(end: EndValues) -> dict[str, Any]:
    means = {
        name: mean and {key: _number(value) for key, value in asdict(mean).items()}
        for name, mean in end.means.items()
    }
    interval = end.test_interval and list(end.test_interval)
    return {**_cell_as_json(end.cell), "seeds": list(end.seeds), **means, "test_interval": interval}


def _difference_as_json(found: Difference) -> dict[str, Any]:
    paired = asdict(found.paired) if found.paired else {}
    numbers = ("difference", "images", "over_images", "over_seeds", "over_both")
    return {
        "one": _cell_as_json(found.one),
        "other": _cell_as_json(found.other),
        "matched_by": found.matched_by,
        "seeds": list(found.seeds),
        **{key: paired.get(key) for key in numbers},
        "p_values": list(found.p_values),
        "verdict": found.verdict,
    }


def _number(value: float) -> float | None:
    """Return what JSON can hold: NaN is null."""
    return None if math.isnan(value) else value
