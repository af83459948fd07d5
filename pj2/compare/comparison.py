"""Comparison of runs and studies: how they were made, and how much their accuracies differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, NamedTuple

from pj2.compare.sides import Side
from pj2.config.names import canonical_json
from pj2.config.study import BUDGET
from pj2.exhibits.pairwise.numbers import Recognised, differences, recognised
from pj2.fingerprint.code import PACKAGE_FOLDER, source_file
from pj2.fingerprint.run import flat
from pj2.runs.files import PREDICTIONS, STEPS
from pj2.runs.reading import RunRecord, by_model, by_setting, chosen_setting

_Facts = Callable[[Mapping[str, Any]], Iterable[tuple[str, Any]]]


class Setting(NamedTuple):
    """The runs of a side that differ only in their seed, under their name in tables."""

    side: str
    name: str
    experiment: str
    model: str
    lr: str
    runs: tuple[RunRecord, ...]


class Pair(NamedTuple):
    """Two settings, the matched runs of each, and the criterion that matched them in words."""

    one: Setting
    other: Setting
    runs: tuple[tuple[RunRecord, RunRecord], ...]
    matched_by: str


@dataclass(frozen=True)
class Comparison:
    """The result of comparing some sides.

    `differing` holds, for each key whose values differ between sides or between the runs of a
    matched pair, the values of every side.
    `code` names the source files that differ. `differences` are of the first of a pair less the
    second: the pair, and its row from `pairwise`. `pairs` counts all matched pairs. `left_out`
    are sentences on runs and pairs without a row; `unmatched` names the runs that are in no pair.
    """

    sides: tuple[Side, ...]
    settings: tuple[Setting, ...]
    differing: Mapping[str, tuple[tuple[Any, ...], ...]]
    code: tuple[str, ...]
    differences: tuple[tuple[Pair, Mapping[str, Any]], ...]
    pairs: int
    left_out: tuple[str, ...]
    unmatched: tuple[str, ...]


def compare_sides(sides: Sequence[Side], most: int | None = None) -> Comparison:
    """Compare every side with every other; see `Comparison`.

    Models of one study are compared within an experiment if it has two of them. `most` limits the
    differences to those that are furthest apart.
    """
    pairs = [pair for side, other in _opponents(sides) for pair in _match(side, other)]
    matched = {run for pair in pairs for both in pair.runs for run in both}
    told: list[str] = []
    ready = list(_read(pairs, told))
    rows = differences([both for _, both in ready], told, most)
    return Comparison(
        tuple(sides),
        tuple(setting for side in sides for setting in settings_of(side)),
        _differing_settings(sides, pairs),
        _differing_code(sides, pairs),
        tuple((ready[place][0], row) for place, row in rows.items()),
        len(pairs),
        tuple(told),
        tuple(
            side.name_of(run, f"lr={run.lr}", f"seed={run.seed}")
            for side in sides
            for run in side.runs
            if run not in matched
        ),
    )


def settings_of(side: Side) -> list[Setting]:
    """Return a side's runs by experiment, model and learning rate."""
    return [
        Setting(side.name, side.name_of(group[0]), *key, tuple(group))
        for key, group in by_setting(side.runs).items()
    ]


def _opponents(sides: Sequence[Side]) -> list[tuple[Side, Side]]:
    """Return the pairs of sides to compare, in their order."""
    pairs = list(combinations(sides, 2))
    if len({side.folder for side in sides}) > 1:
        return pairs
    # Models of one experiment are meant to be compared; between experiments, recipes differ too.
    within = [pair for pair in pairs if len({side.runs[0].experiment for side in pair}) == 1]
    return within or pairs


def _match(side: Side, other: Side) -> list[Pair]:
    """Pair the settings of two sides.

    Runs that both sides have, by model, learning rate and seed, are pairs: of the same
    experiment, or else of any. Failing that, two single runs are a pair, and two models are
    paired by learning rate and seed, or else at their chosen learning rates.
    """
    left, right = settings_of(side), settings_of(other)
    words = "the same model, learning rate and seed"
    pairs = _paired(left, right, lambda each: (each.experiment, each.model, each.lr), words)
    paired = {each for pair in pairs for each in (pair.one, pair.other)}
    rest = [[each for each in settings if each not in paired] for settings in (left, right)]
    pairs += _paired(rest[0], rest[1], lambda each: (each.model, each.lr), words)
    if pairs:
        return pairs
    if len(side.runs) == len(other.runs) == 1:
        return [Pair(left[0], right[0], ((side.runs[0], other.runs[0]),), "one run of each side")]
    if len(by_model(side.runs)) > 1 or len(by_model(other.runs)) > 1:
        return []
    if pairs := _paired(left, right, lambda each: each.lr, "the same learning rate and seed"):
        return pairs
    left, right = (
        settings_of(replace(each, runs=tuple(chosen_setting(each.runs)))) for each in (side, other)
    )
    words = "the same seed, each at its chosen learning rate"
    return _paired(left, right, lambda _: (), words)


def _paired(
    left: Sequence[Setting],
    right: Sequence[Setting],
    key: Callable[[Setting], Hashable],
    words: str,
) -> list[Pair]:
    """Pair settings with equal keys and common seeds; skip keys that are not unique."""
    pairs = []
    opponents = _by_key(right, key)
    for asked, setting in _by_key(left, key).items():
        if opponent := opponents.get(asked):
            seeds = {run.seed: run for run in opponent.runs}
            runs = tuple((run, seeds[run.seed]) for run in setting.runs if run.seed in seeds)
            pairs += [Pair(setting, opponent, runs, words)] if runs else []
    return pairs


def _by_key(
    settings: Sequence[Setting], key: Callable[[Setting], Hashable]
) -> dict[Hashable, Setting]:
    times = Counter(map(key, settings))
    return {key(each): each for each in settings if times[key(each)] == 1}


def _read(
    pairs: Iterable[Pair], told: list[str]
) -> Iterator[tuple[Pair, tuple[Recognised, Recognised]]]:
    """Yield pairs with the images that each recognised; add to `told` why pairs are left out."""
    read: dict[Setting, Recognised] = {}
    for pair in pairs:
        if all(_is_same_run(*both) for both in pair.runs):
            names = f"{pair.one.name} and {pair.other.name}, lr {pair.one.lr}"
            told.append(f"{names} are the same runs.")
            continue
        for setting in (pair.one, pair.other):
            if setting not in read:
                read[setting] = recognised(setting.name, setting.runs, told)
        own, other = read[pair.one], read[pair.other]
        if own.tested and other.tested:
            run, opponent = pair.runs[0]
            if run.seed != opponent.seed:  # then these are the only two runs
                other = replace(other, tested={run.seed: other.tested[opponent.seed]})
            yield pair, (own, other)


def _is_same_run(run: RunRecord, other: RunRecord) -> bool:
    """Tell whether two runs are one: the same losses and predictions, and the same budget.

    A fingerprint does not name the hardware, so equal ones are not enough.
    """
    if run.folder.absolute() == other.folder.absolute():
        return True
    own, theirs = (
        (
            each.info["fingerprint"],
            [each.info["settings"].get(key) for key in BUDGET],
            [each.info["artifacts"].get(name) for name in (STEPS, PREDICTIONS)],
        )
        for each in (run, other)
    )
    return own == theirs


def _differing_settings(
    sides: Sequence[Side], pairs: Iterable[Pair]
) -> dict[str, tuple[tuple[Any, ...], ...]]:
    """Return the values of each side for every key whose values differ; see `Comparison`.

    Keys are those of the settings, section and key joined by a dot, then the precision used, and
    the hardware, data and versions. A side without a key has no values for it.
    """
    in_pairs = {key for key, values in _by_pair(pairs, _facts) if values[0] != values[1]}
    return {
        key: tuple(tuple(values.values()) for values in columns)
        for key, columns in _by_side(sides, _facts).items()
        if key in in_pairs or any(values.keys() != columns[0].keys() for values in columns)
    }


def _differing_code(sides: Sequence[Side], pairs: Iterable[Pair]) -> tuple[str, ...]:
    """Return the source files that differ between the sides, or runs of a pair, that have them.

    A file that a side lacks belongs to another model or is no longer imported; in the latter case
    the file that imported it differs too, and is named.
    """
    modules = _by_side(sides, _modules)
    in_pairs = {module for module, found in _by_pair(pairs, _modules) if len({*found} - {None}) > 1}
    return tuple(
        source_file(module).relative_to(PACKAGE_FOLDER.parent).as_posix()
        for module, columns in sorted(modules.items())
        if module in in_pairs or len({frozenset(digests) for digests in columns if digests}) > 1
    )


def _by_pair(
    pairs: Iterable[Pair], facts: _Facts
) -> Iterator[tuple[str, tuple[str | None, str | None]]]:
    """Yield every key with the JSON texts of its values in the two runs of each matched pair."""
    for pair in pairs:
        for runs in pair.runs:
            one, other = (
                {key: canonical_json(value) for key, value in facts(run.info)} for run in runs
            )
            yield from ((key, (one.get(key), other.get(key))) for key in one.keys() | other.keys())


def _by_side(sides: Sequence[Side], facts: _Facts) -> dict[str, list[dict[str, Any]]]:
    """Return the distinct values of every key on each side, by their JSON text."""
    values: dict[str, list[dict[str, Any]]] = {}
    for place, side in enumerate(sides):
        for run in side.runs:
            for key, value in facts(run.info):
                columns = values.setdefault(key, [{} for _ in sides])
                columns[place][canonical_json(value)] = value
    return values


def _modules(info: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from info["code"]["modules"].items()


def _facts(info: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    settings = dict(flat(info["settings"]))
    first = ("model", "learning_rate", "seed")
    yield from ((key, settings.pop(key)) for key in first if key in settings)
    yield from settings.items()
    yield "precision used", info["precision"]["used"]
    for section in ("hardware", "data"):
        yield from flat(info[section], f"{section}.")
    # The run's versions are exact; those in the fingerprint stop at the second part.
    yield from flat({**info["code"]["packages"], **info["versions"]}, "version.")
