"""What each factor of an experiment's variants does to the test accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from pj2.errors import UserError
from pj2.runs.reading import RunRecord, by_model, chosen_setting, test_result
from pj2.statistics import DIFFERENCE_OF_SHARES, SHARE, mean_interval

Levels = Mapping[str, Sequence[str]]
"""The levels of each factor, in the order of the config."""


def factor_levels(runs: Sequence[RunRecord]) -> dict[str, list[str]]:
    """Return the levels of each factor that some run's variant has.

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
    return levels


def variant_accuracies(runs: Sequence[RunRecord]) -> pd.DataFrame:
    """Return one row for each variant and seed, at the learning rate that validation chose.

    Columns: architecture, a column a factor (its level), lr, seed, accuracy (on the
    test set, at the chosen epoch). Runs that finished no epoch are left out.
    """
    rows = []
    for group in by_model(runs).values():
        for run in chosen_setting(group):
            if result := test_result(run):
                identity = {"architecture": run.architecture, **run.variant}
                accuracy = result[0] / result[1]
                rows.append({**identity, "lr": run.lr, "seed": run.seed, "accuracy": accuracy})
    columns = ["architecture", *factor_levels(runs), "lr", "seed", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


def level_means(accuracies: pd.DataFrame, levels: Levels, factor: str) -> pd.DataFrame:
    """Return the accuracy at each level of a factor, over the levels of the others and seeds.

    Columns: architecture, level, runs, seeds, mean; and of the means of each seed
    the standard deviation ``sd`` and the 95 % Student interval ``low``, ``high``.
    """
    rows = []
    for architecture, frame in accuracies.groupby("architecture", sort=False):
        for level in levels[factor]:
            part = frame[frame[factor] == level]
            if len(part):
                spread = mean_interval(part.groupby("seed")["accuracy"].mean().to_list(), SHARE)
                numbers = (len(part), spread.n, spread.mean, spread.sd, spread.low, spread.high)
                rows.append((architecture, level, *numbers))
    columns = ["architecture", "level", "runs", "seeds", "mean", "sd", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def main_effects(accuracies: pd.DataFrame, levels: Levels) -> pd.DataFrame:
    """Return how far each level of each factor is from the factor's first.

    Runs are paired that differ in this factor alone: same architecture, levels of
    the others and seed. A seed's effect is the mean over its pairs; ``effect``
    and its standard deviation ``sd`` are over seeds, ``low`` and ``high`` the 95 %
    Student interval, which needs two seeds.

    Columns: architecture, factor, level, reference, pairs, seeds, effect, sd, low, high.
    """
    rows = []
    for architecture, frame in accuracies.groupby("architecture", sort=False):
        for factor, (reference, *others) in levels.items():
            same = [name for name in levels if name != factor] + ["seed"]
            base = frame[frame[factor] == reference]
            for level in others:
                pairs = frame[frame[factor] == level].merge(
                    base, on=same, suffixes=("", "_reference")
                )
                if pairs.empty:
                    continue
                difference = pairs["accuracy"] - pairs["accuracy_reference"]
                spread = mean_interval(
                    difference.groupby(pairs["seed"]).mean().to_list(), DIFFERENCE_OF_SHARES
                )
                numbers = (len(pairs), spread.n, spread.mean, spread.sd, spread.low, spread.high)
                rows.append((architecture, factor, level, reference, *numbers))
    columns = [
        "architecture", "factor", "level", "reference", "pairs", "seeds", "effect", "sd", "low",
        "high",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)
