"""The table of the factors' main effects and interactions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from pj2.exhibits.cautions import cautions, diverged_runs
from pj2.exhibits.factors.numbers import (
    LEARNING_RATE,
    compared_runs,
    factor_effects,
    factor_levels,
    variant_accuracies,
)
from pj2.exhibits.format import MISSING, Table
from pj2.language import said, tr
from pj2.runs.reading import PathLike, RunRecord, load_runs
from pj2.wording import sentences, span

_CAPTION = said(
    "Linear model of the test accuracy, seeds as blocks. Test accuracy: mean over all levels of "
    "the other factors. Effect, in points: difference from the first level; for two factors, "
    "difference of differences; ± standard error [95 % Student interval, not adjusted for the "
    "number of effects]."
)


def factors_table(index_paths: Iterable[PathLike]) -> Table:
    """Return one row for each architecture, factor and level, and for each two factors' levels.

    CSV: the columns of `pj2.exhibits.factors.numbers.factor_effects`, as fractions.
    """
    runs = load_runs(index_paths)
    levels = factor_levels(runs)
    compared = compared_runs(runs, levels)
    frame = factor_effects(variant_accuracies(compared, levels), levels)
    rows = frame.to_dict("records")
    shown = {
        tr("Model"): frame["architecture"],
        tr("Factor"): [in_words(row["factor"]) for row in rows],
        tr("Level"): frame["level"],
        tr("Runs"): frame["runs"].map(str),
        tr("Seeds"): frame["seeds"].map(str),
        tr("Test accuracy, %"): [
            MISSING if pd.isna(value) else f"{100 * value:.2f}" for value in frame["mean"]
        ],
        tr("Effect, points"): [
            tr("reference") if row["level"] == row["reference"] else _effect(row) for row in rows
        ],
    }
    caption = sentences(tr(_CAPTION), *remarks(frame, compared))
    return Table.of(frame, caption=caption, shown=shown)


def in_words(factor: str) -> str:
    """Return the name of a factor, or of an interaction, in the chosen language."""
    return factor.replace(LEARNING_RATE, tr("learning rate"))


def remarks(frame: pd.DataFrame, runs: Sequence[RunRecord]) -> list[str]:
    """Return sentences on the certainty of the effects of these runs, and cautions."""
    told = []
    degrees = sorted(set(frame["df"].tolist()))
    if degrees and degrees[-1] > 0:
        told.append(tr("Residual degrees of freedom: {n}.", n=span(degrees)))
    if degrees and degrees[0] == 0:
        told.append(tr("Effects without residual degrees of freedom have no interval."))
    if len({run.seed for run in runs}) == 1 and degrees and degrees[-1] > 0:
        told.append(tr("With one seed, interactions of three factors or more count as chance."))
    others = frame[frame["level"] != frame["reference"]]
    if others["effect"].isna().any():
        told.append(tr("An effect that these runs cannot separate from others is not given."))
    lost = sum(run.best_epoch is None for run in runs)
    if lost:
        told.append(
            tr(
                "Left out: {n:,} of {total:,} runs, which finished no epoch; this makes their "
                "levels look better than they are.",
                n=lost, total=len(runs),
            )
        )  # fmt: skip
    return [*told, diverged_runs(runs), cautions(runs)]


def _effect(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["effect"]):
        return MISSING
    text = f"{100 * row['effect']:+.2f}"
    if pd.isna(row["se"]):
        return text
    return f"{text} ± {100 * row['se']:.2f} [{100 * row['low']:+.2f}, {100 * row['high']:+.2f}]"
