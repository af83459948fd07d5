"""The table of the bands' widths, and of the steps at which two bands do not overlap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import pandas as pd

from pj2.exhibits.cautions import cautions, stalled_runs
from pj2.exhibits.format import MISSING, Table, count, mean_sd
from pj2.exhibits.landscape.numbers import (
    band_runs,
    band_width_table,
    common_steps,
    common_widths,
    read_band,
    separation_table,
    without_a_rate,
)
from pj2.language import said, tr
from pj2.runs.reading import PathLike, RunRecord, by_model, diverged, load_runs
from pj2.statistics import mean_interval
from pj2.wording import named, sentences, span
from pj2.wording import rates as in_words

_WIDTHS = ("steps", "mean_width", "median_width", "relative_width")
_LEFT_OUT = ("median_width", "relative_width")  # columns whose range the table shows
_CAPTION = said(
    "Width: greatest less least training loss over learning rates, in nats; common: over the steps "
    "of all models. Relative: divided by the mean of both. One rate left out: range over the "
    "omitted rate. Apart: steps without overlap. Mean ± standard deviation over seeds."
)


def landscape_table(index_paths: Iterable[PathLike], band_path: PathLike) -> Table:
    """Return one row per model; the CSV has one row per model and seed.

    `band_path` is the file of `pj2.exhibits.landscape.numbers.landscape_band` for the same runs.

    CSV: ``model, learning_rates, seed, diverged`` (``lr@step``, both separated by blanks),
    ``steps, mean_width, median_width`` (nats), ``common_steps, common_mean_width,
    common_median_width``, ``relative_width`` and ``common_relative_width`` (see
    `band_width_table`); for the two medians over common steps also ``…_least`` and ``…_greatest``
    with each learning rate left out in turn; and for every model M in the study
    ``steps_apart_from_M, share_apart_from_M`` (of their common steps, for one seed),
    ``steps_below_M`` (the row's band lies beneath M's) and ``first_step_apart_from_M``; empty if
    M is the row's own model.
    """
    members = band_runs(load_runs(index_paths))
    band = read_band(band_path, members)
    own = band_width_table(band).to_dict("records")
    common = band_width_table(common_steps(band)).to_dict("records")
    pairs = separation_table(band).to_dict("records")
    without = _without_a_rate([run for group in members.values() for run in group])
    rows: list[dict[str, Any]] = []
    for ((model, seed), group), width, shared in zip(members.items(), own, common, strict=True):
        rates = [run.lr for run in sorted(group, key=lambda run: run.learning_rate)]
        row = {
            "model": model,
            "learning_rates": " ".join(rates),
            "seed": seed,
            "diverged": " ".join(f"{run.lr}@{run.diverged_at}" for run in diverged(group)),
            **{name: width[name] for name in _WIDTHS},
            **{f"common_{name}": shared[name] for name in _WIDTHS},
            **without.get((model, seed), {}),
        }
        for pair in pairs:
            if (pair["model"], pair["seed"]) == (model, seed):
                other = pair["other"]
                row |= {
                    f"steps_apart_from_{other}": pair["apart"],
                    f"share_apart_from_{other}": pair["share"],
                    f"steps_below_{other}": pair["below"],
                    f"first_step_apart_from_{other}": pair["first_apart"],
                }
        rows.append(row)
    frame = pd.DataFrame(rows)
    integers = [name for name in map(str, frame) if name.startswith(("steps_", "first_step_"))]
    runs = [run for group in members.values() for run in group]
    shown = [
        _shown(
            [run for run in runs if run.model == model],
            [row for row in rows if row["model"] == model],
        )
        for model in dict.fromkeys(run.model for run in runs)
    ]
    return Table.of(
        frame.astype(dict.fromkeys(integers, "Int64")),
        caption=sentences(tr(_CAPTION), stalled_runs(runs), cautions(runs)),
        shown=shown,
    )


def _without_a_rate(runs: Sequence[RunRecord]) -> dict[tuple[str, int], dict[str, float]]:
    """Return columns of each (model, seed): the range of its widths with one rate left out.

    A model with at most two rates has none, since a single run has no width.
    """
    rates = {model: {run.lr for run in group} for (_, model), group in by_model(runs).items()}
    tables = [table for rest in without_a_rate(runs) if (table := common_widths(rest)) is not None]
    if not tables:
        return {}
    ranges: dict[tuple[str, int], dict[str, float]] = {}
    for key, widths in pd.concat(tables).groupby(["model", "seed"]):
        model, seed = cast(tuple[str, int], key)
        if len(rates[model]) < 3:
            continue
        row = ranges.setdefault((model, seed), {})
        for name in _LEFT_OUT:
            row[f"common_{name}_least"] = widths[name].min()
            row[f"common_{name}_greatest"] = widths[name].max()
    return ranges


def _shown(runs: Sequence[RunRecord], rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return a model's row as text for people, over its seeds."""
    place = said("{lr} at step {step:,}")
    if len(rows) > 1:
        place = said("{lr}, seed {seed}, at step {step:,}")
    lost = [tr(place, lr=run.lr, seed=run.seed, step=run.diverged_at) for run in diverged(runs)]

    def over_seeds(column: str, scale: float = 1.0, digits: int = 4) -> str:
        mean = mean_interval([row[column] for row in rows if column in row])
        return mean_sd(mean, scale=scale, digits=digits)

    def steps(column: str) -> str:
        return span(row[column] for row in rows if column in row)

    def left_out(column: str) -> str:
        ranges = [row for row in rows if f"{column}_least" in row]
        if not ranges:
            return MISSING
        least = min(row[f"{column}_least"] for row in ranges)
        greatest = max(row[f"{column}_greatest"] for row in ranges)
        return tr("{least} to {greatest}", least=f"{least:.4f}", greatest=f"{greatest:.4f}")

    text = {
        tr("Model"): rows[0]["model"],
        tr("Learning rates"): in_words(rows[0]["learning_rates"].split()),
        tr("Seeds"): count(len(rows)),
        tr("Diverged"): named(lost, tr(", ")) or tr("none"),
        tr("Steps"): steps("steps"),
        tr("Mean width"): over_seeds("mean_width"),
        tr("Median width"): over_seeds("median_width"),
        tr("Relative width"): over_seeds("relative_width"),
        tr("Common steps"): steps("common_steps"),
        tr("Mean width (common)"): over_seeds("common_mean_width"),
        tr("Median width (common)"): over_seeds("common_median_width"),
        tr("The same, one rate left out"): left_out("common_median_width"),
        tr("Relative width (common)"): over_seeds("common_relative_width"),
        tr("Relative, one rate left out"): left_out("common_relative_width"),
    }
    for column in dict.fromkeys(column for row in rows for column in row):
        other = column.removeprefix("share_apart_from_")
        if other != column:
            text[tr("Apart from {model}", model=other)] = (
                f"{steps(f'steps_apart_from_{other}')} ({over_seeds(column, 100, 1)} %)"
            )
    return text
