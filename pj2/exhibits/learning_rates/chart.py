"""The charts of loss and accuracy at each learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt
import pandas as pd

from pj2.exhibits.cautions import cautions
from pj2.exhibits.columns import columns
from pj2.exhibits.learning_rates.numbers import (
    DIVERGED,
    LEARNED,
    STALLED,
    Outcome,
    guessing,
    mean_if_all_learned,
    outcomes,
    step_counts,
    what_a_line_joins,
)
from pj2.exhibits.palette import colours
from pj2.exhibits.vega import HEIGHT, Chart, Choice, colour_scale, options, sized, tooltip
from pj2.language import tr
from pj2.runs.reading import RunRecord
from pj2.wording import sentences

Value = tuple[str, Outcome, float]
"""Number of steps, run and value; the steps are None for values that do not depend on them."""

_PLACE = ["after", "model", "rate"]
_BESIDE = 1 / 80  # of the axis, between marks without a value
_SHAPES = {LEARNED: "circle", STALLED: "triangle-down", DIVERGED: "cross"}


def rate_charts(runs: Sequence[RunRecord]) -> list[Chart]:
    """Return charts over rates: training loss after steps that the reader chooses, and accuracy."""
    found, guess = outcomes(runs), guessing(runs)
    counts, _ = step_counts(runs)
    shown = colours(run.model for run in runs)
    caption = sentences(
        what_a_line_joins(runs),
        tr("Dashed: guessing. On the edge: diverged before."),
        cautions(runs),
    )
    models = Choice("models", tr("Models"), options(shown, shown))
    lengths = tuple((str(n), tr("{n:,} steps", n=n), "") for n in counts)
    after = Choice("after", tr("After"), lengths, False, lengths[-1][0])
    rates = _axis_of_rates({run.learning_rate for run in runs})

    title, unit = tr("Loss at each learning rate"), tr("training loss (nats)")
    values = [(str(n), each, each.losses[n]) for n in counts for each in found]
    layers = _layers(rates, _axis(unit, values, guess.loss), shown, guess.loss, 0)
    spec = _spec(title, layers, list(shown), after.chosen)
    loss = Chart("rate_loss", title, spec, _data(values), (models, after), True, caption=caption)

    title, unit = tr("Accuracy at each learning rate"), tr("test accuracy (%)")
    values = [("", each, 100 * each.accuracy) for each in found]
    level = 100 * guess.accuracy
    layers = _layers(rates, _axis(unit, values, level), shown, level, HEIGHT)
    spec = _spec(title, layers, list(shown), "")
    accuracy = Chart("rate_accuracy", title, spec, _data(values), (models,), caption=caption)
    return [loss, accuracy]


def _axis_of_rates(rates: Iterable[float]) -> alt.X:
    tried = sorted(rates)
    return alt.X(
        "rate:Q",
        title=tr("learning rate"),
        scale=alt.Scale(type="log", nice=False, padding=24, domain=[tried[0], tried[-1]]),
        axis=alt.Axis(format="~g", values=tried),
    )


def _axis(unit: str, values: Iterable[Value], level: float | None) -> alt.Y:
    """Return an axis that fits the values of every choice, since one choice may have none."""
    finite = [value for *_, value in values if math.isfinite(value)]
    there = [*finite, *([] if level is None else [level])] or [0.0, 1.0]
    scale = alt.Scale(zero=False, padding=10, domain=[min(there), max(there)])
    return alt.Y("value:Q", title=unit, scale=scale)


def _data(values: Iterable[Value]) -> dict[str, Any]:
    """Return the points, one per run, and the means over seeds, missing if a seed failed."""
    rows = [
        {
            "after": after,
            "model": outcome.run.model,
            "rate": outcome.run.learning_rate,
            "lr": outcome.run.lr,
            "seed": str(outcome.run.seed),
            "state": outcome.state,
            "value": value,
        }
        for after, outcome, value in values
    ]
    points = pd.DataFrame(rows)
    means = [
        (*key, mean_if_all_learned(zip(seeds["state"], seeds["value"], strict=True)).mean)
        for key, seeds in points.groupby(_PLACE, sort=False)
    ]
    points["state"] = points["state"].map(tr)
    points["rate"] *= _beside_each_other(points)
    return {
        "points": columns(points),
        "means": columns(pd.DataFrame(means, columns=[*_PLACE, "value"])),
    }


def _beside_each_other(points: pd.DataFrame) -> pd.Series[float]:
    """Return factors that move points without a value apart, since these would coincide."""
    lost = points[points["value"].isna()].groupby(["after", "rate"])
    rank = lost.cumcount() - (lost["rate"].transform("size") - 1) / 2
    width = max(points["rate"].max() / points["rate"].min(), 10) ** _BESIDE
    shifts: pd.Series[float] = (width**rank).reindex(points.index, fill_value=1.0)
    return shifts


def _spec(title: str, layers: Any, models: list[str], after: str) -> dict[str, Any]:
    chart = sized(layers, title).add_params(
        alt.param(name="models", value=models), alt.param(name="after", value=after)
    )
    spec: dict[str, Any] = chart.to_dict()
    return spec


def _layers(x: alt.X, y: alt.Y, shown: dict[str, str], level: float | None, edge: int) -> Any:
    """Return each model's line and runs, runs without a value on an edge, and guessing."""
    colour = alt.Color("model:N", legend=None, scale=colour_scale(shown))

    def chosen(data: str) -> Any:
        return (
            alt.Chart(alt.NamedData(data))
            .transform_filter("datum.after == after && indexof(models, datum.model) >= 0")
            .encode(x=x, color=colour)
        )

    states = alt.Shape(
        "state:N",
        scale=alt.Scale(domain=list(map(tr, _SHAPES)), range=list(_SHAPES.values())),
        legend=alt.Legend(title=None, orient="top", symbolFillColor="var(--muted)"),
    )
    told = tooltip(
        ("model:N", tr("model")),
        ("lr:N", tr("learning rate")),
        ("seed:N", tr("seed")),
        ("state:N", tr("run")),
        ("value:Q", y["title"], ".4~f"),
    )
    line = chosen("means").mark_line(strokeWidth=1.6, clip=True).encode(y=y)
    points = chosen("points").mark_point(filled=True, size=70).encode(shape=states, tooltip=told)
    with_value = points.transform_filter("isValid(datum.value)").encode(y=y)
    on_edge = points.transform_filter("!isValid(datum.value)").encode(y=alt.value(edge))
    layers = [line, with_value, on_edge]
    if level is not None:
        guess = alt.Chart(alt.NamedData("means")).mark_rule(strokeDash=[4, 3], strokeWidth=1.2)
        layers.append(guess.encode(y=alt.datum(level), color=alt.value("var(--muted)")))
    return alt.layer(*layers)
