"""What each level of an experiment's factors is worth."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from pj2.exhibits.cautions import cautions
from pj2.exhibits.factors.numbers import (
    factor_levels,
    level_means,
    main_effects,
    variant_accuracies,
)
from pj2.exhibits.format import MISSING, Table
from pj2.language import said, tr
from pj2.runs.reading import PathLike, load_runs
from pj2.wording import sentences

_CAPTION = said(
    "Test accuracy at the epoch that validation chose, of every level of every factor, in "
    "percent: the mean over all combinations of the other factors and over seeds. Effect: its "
    "distance from the factor's first level in points, over pairs of runs that differ in this "
    "factor alone: mean ± standard deviation over seeds, and the 95 % Student interval, which "
    "needs two seeds."
)


def factors_table(index_paths: Iterable[PathLike]) -> Table:
    """Return a row for each architecture, factor and level.

    CSV: ``architecture, factor, level, runs, seeds, mean`` (accuracy, a fraction),
    ``reference`` (the factor's first level), ``pairs, effect, sd, low, high``
    (fractions; empty for the first level).
    """
    runs = load_runs(index_paths)
    levels = factor_levels(runs)
    accuracies = variant_accuracies(runs)
    parts = [
        level_means(accuracies, levels, factor)
        .drop(columns=["sd", "low", "high"])
        .assign(factor=factor)
        for factor in levels
    ]
    effects = main_effects(accuracies, levels).drop(columns="seeds")
    frame = pd.concat(parts).merge(effects, on=["architecture", "factor", "level"], how="left")
    frame = frame.iloc[np.argsort(pd.factorize(frame["architecture"])[0], kind="stable")]
    first = ["architecture", "factor", "level", "runs", "seeds", "mean"]
    frame = frame[[*first, "reference", "pairs", "effect", "sd", "low", "high"]]
    shown = {
        tr("Model"): frame["architecture"],
        tr("Factor"): frame["factor"],
        tr("Level"): frame["level"],
        tr("Runs"): frame["runs"].map(str),
        tr("Seeds"): frame["seeds"].map(str),
        tr("Test accuracy, %"): frame["mean"].map(lambda value: f"{100 * value:.2f}"),
        tr("Effect, points"): [
            _effect(*row) for row in frame[["effect", "sd", "low", "high"]].to_numpy()
        ],
        tr("Pairs"): [MISSING if np.isnan(n) else f"{n:.0f}" for n in frame["pairs"]],
    }
    caption = sentences(tr(_CAPTION), cautions(runs))
    return Table.of(frame.astype({"pairs": "Int64"}), caption=caption, shown=shown)


def _effect(effect: float, sd: float, low: float, high: float) -> str:
    if np.isnan(effect):
        return tr("reference")
    text = f"{100 * effect:+.2f}"
    text += "" if np.isnan(sd) else f" ± {100 * sd:.2f}"
    return text + ("" if np.isnan(low) else f" [{100 * low:+.2f}, {100 * high:+.2f}]")
