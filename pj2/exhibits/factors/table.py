"""What each level of an experiment's factors is worth, and each two of them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from pj2.exhibits.cautions import cautions
from pj2.exhibits.factors.numbers import (
    LEARNING_RATE,
    factor_effects,
    factor_levels,
    variant_accuracies,
)
from pj2.exhibits.format import MISSING, Table
from pj2.language import said, tr
from pj2.runs.reading import PathLike, RunRecord, load_runs
from pj2.wording import sentences, span

_CAPTION = said(
    "Test accuracy at the chosen epoch, in percent, by a linear model of all runs: "
    "the factors, every two of them together, and the seeds as blocks. Of a level: its mean over "
    "all levels of the other factors. Effect, in points: its distance from the factor's first "
    "level; of two factors, how much greater the effect of one is at the other's level than at "
    "the other's first. ± is the standard error; in brackets the 95 % Student interval, which is "
    "not adjusted for the number of effects."
)


def factors_table(index_paths: Iterable[PathLike]) -> Table:
    """Return a row for each architecture, factor and level, and for each two of them.

    CSV: the columns of `pj2.exhibits.factors.numbers.factor_effects`, as fractions.
    """
    runs = load_runs(index_paths)
    levels = factor_levels(runs)
    frame = factor_effects(variant_accuracies(runs, levels), levels)
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
    caption = sentences(tr(_CAPTION), *remarks(frame, runs), cautions(runs))
    return Table.of(frame, caption=caption, shown=shown)


def in_words(factor: str) -> str:
    """Return the name of a factor, or of two, in the chosen language."""
    return factor.replace(LEARNING_RATE, tr("learning rate"))


def remarks(frame: pd.DataFrame, runs: Sequence[RunRecord]) -> list[str]:
    """Return sentences on how sure the effects are, and on what is missing."""
    told = []
    degrees = sorted(set(frame["df"].tolist()))
    if degrees and degrees[-1] > 0:
        told.append(tr("Residual degrees of freedom: {n}.", n=span(degrees)))
    if degrees and degrees[0] == 0:
        told.append(tr("Where there are none, effects have no interval."))
    if len({run.seed for run in runs}) == 1 and degrees and degrees[-1] > 0:
        told.append(tr("Of one seed, interactions of three factors or more count as chance."))
    others = frame[frame["level"] != frame["reference"]]
    if others["effect"].isna().any():
        told.append(tr("An effect that these runs cannot tell from others is not given."))
    lost = sum(run.best_epoch is None for run in runs)
    if lost:
        told.append(
            tr(
                "Left out: {n:,} of {total:,} runs, which finished no epoch; levels at which runs "
                "are lost look better than they are.",
                n=lost, total=len(runs),
            )
        )  # fmt: skip
    return told


def _effect(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["effect"]):
        return MISSING
    text = f"{100 * row['effect']:+.2f}"
    if pd.isna(row["se"]):
        return text
    return f"{text} ± {100 * row['se']:.2f} [{100 * row['low']:+.2f}, {100 * row['high']:+.2f}]"
