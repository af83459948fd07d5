"""Effects of each factor of an experiment's variants on the test accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product

import numpy as np
import pandas as pd

from pj2.errors import UserError
from pj2.exhibits.factors.model import Cell, Estimate, Levels, LinearModel
from pj2.runs.reading import RunRecord, by_model, chosen_setting, test_result
from pj2.statistics import DIFFERENCE_OF_SHARES, SHARE, Range

LEARNING_RATE = "learning rate"  # a config cannot name a factor so, since the name has a blank
SEPARATOR = " × "


def factor_levels(runs: Sequence[RunRecord]) -> dict[str, list[str]]:
    """Return the levels of each factor in the variants of the runs.

    The learning rate comes last, if every variant was trained at the same two or more rates.
    Raises UserError if no run has a variant.
    """
    levels: dict[str, list[str]] = {}
    for run in runs:
        for factor, level in run.variant.items():
            known = levels.setdefault(factor, [])
            if level not in known:
                known.append(level)
    if not levels:
        raise UserError("no factors to show: no experiment here has variants: in the config")
    rates = {frozenset(run.lr for run in group) for group in by_model(runs).values()}
    if len(rates) == 1 and len(common := rates.pop()) > 1:
        levels[LEARNING_RATE] = sorted(common, key=float)
    return levels


def compared_runs(runs: Sequence[RunRecord], levels: Levels) -> list[RunRecord]:
    """Return the runs behind the effects.

    If the learning rate is no factor, a variant stands at its chosen rate.
    """
    groups = by_model(runs).values()
    if LEARNING_RATE in levels:
        return [run for group in groups for run in group]
    return [run for group in groups for run in chosen_setting(group)]


def variant_accuracies(runs: Sequence[RunRecord], levels: Levels) -> pd.DataFrame:
    """Return one row for each of the `compared_runs`.

    Columns: architecture, one for each factor (its level), seed, accuracy (on the test set, at
    the chosen epoch). Runs without a finished epoch are left out.
    """
    rows = []
    for run in runs:
        if result := test_result(run):
            cell = {"architecture": run.architecture, LEARNING_RATE: run.lr, **run.variant}
            rows.append({**cell, "seed": run.seed, "accuracy": result[0] / result[1]})
    return pd.DataFrame(rows, columns=["architecture", *levels, "seed", "accuracy"])


def factor_effects(accuracies: pd.DataFrame, levels: Levels) -> pd.DataFrame:
    """Return the main effect of each level of each factor, and each interaction of two factors.

    A `LinearModel` is fitted to all runs of each architecture. ``mean`` is the accuracy at a
    level, averaged over the levels of the other factors and over seeds; ``effect`` is its
    difference from the factor's first level. For two factors, ``a × b``, ``effect`` is the
    difference between the effect of one at a level of the other and its effect at the other's
    first level; every two levels that are not first have a row.

    Columns: architecture, factor, level, reference (the first level, in whose row the rest is
    NaN), runs, seeds, mean, effect, se (its standard error), low, high (the 95 % Student
    interval), df (residual degrees of freedom).
    """
    rows = []
    for architecture, frame in accuracies.groupby("architecture", sort=False):
        model = LinearModel(frame, levels)
        for cell, terms, within in _contrasts(levels):
            there = frame[np.all([frame[name] == level for name, level in cell.items()], axis=0)]
            mean = model.contrast([(1, cell)], SHARE).value
            effect = model.contrast(terms, within) if terms else Estimate(np.nan)
            first = [levels[name][0] for name in cell]
            names = [SEPARATOR.join(part) for part in (cell, cell.values(), first)]
            counts = len(there), there["seed"].nunique()
            numbers = (mean, effect.value, effect.se, effect.low, effect.high)
            rows.append((architecture, *names, *counts, *numbers, model.degrees))
    columns = [
        "architecture", "factor", "level", "reference", "runs", "seeds", "mean", "effect", "se",
        "low", "high", "df",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _contrasts(levels: Levels) -> Iterator[tuple[Cell, list[tuple[int, Cell]], Range]]:
    """Yield every level, then every combination of two factors' levels: cell, contrast, range."""
    for name, (first, *others) in levels.items():
        yield {name: first}, [], DIFFERENCE_OF_SHARES
        for level in others:
            yield {name: level}, [(1, {name: level}), (-1, {name: first})], DIFFERENCE_OF_SHARES
    for one, other in combinations(levels, 2):
        for a, b in product(levels[one][1:], levels[other][1:]):
            a_first, b_first = levels[one][0], levels[other][0]
            signs = {(a, b): 1, (a_first, b): -1, (a, b_first): -1, (a_first, b_first): 1}
            terms: list[tuple[int, Cell]] = [
                (sign, {one: x, other: y}) for (x, y), sign in signs.items()
            ]
            yield {one: a, other: b}, terms, (-2.0, 2.0)
