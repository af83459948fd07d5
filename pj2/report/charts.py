"""The charts of the page, as Vega-Lite; their words are those of the chosen language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from pj2.analysis.confusion import confusion
from pj2.analysis.efficiency import COSTS, efficiencies, fronts
from pj2.language import tr
from pj2.report.columns import bin_width, bins, columns, share
from pj2.report.palette import colours, series
from pj2.runs.reading import RunRecord, epochs, steps, steps_per_epoch, tested_models

_POINTS = 60_000  # of the training losses of one chart, over all its runs
_SMOOTH = 5  # steps at least, whose mean is one point of a training loss
HEIGHT = 300
_CELLS = 20  # classes; of more, the matrix has no numbers in its cells


@dataclass(frozen=True)
class Choice:
    """A control above a chart: `many` options at once, or one; each (value, label, colour)."""

    parameter: str
    label: str
    options: tuple[tuple[str, str, str], ...]
    many: bool = True
    chosen: str = ""


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite specification, the data sets that it names, and its controls.

    ``log`` offers a logarithmic loss axis. ``band`` marks the landscape, whose data set
    the page computes from its losses.
    """

    name: str
    title: str
    spec: dict[str, Any]
    data: dict[str, Any]
    choices: tuple[Choice, ...] = ()
    log: bool = False
    band: dict[str, Any] | None = field(default=None)


def loss_curves(name: str, runs: Sequence[RunRecord]) -> Chart:
    """Loss over epochs: training at every step, binned where there are many, others by epoch."""
    looks = series(runs)
    most = share(_POINTS, runs, 120)
    parts = []
    for run in runs:
        label, _ = looks[run.experiment, run.model, run.lr]
        recorded, table = steps(run), epochs(run)
        width = max(_SMOOTH, bin_width(len(recorded), most))
        _, _, mean = bins(recorded["loss"].to_numpy(), width)
        middle = np.arange(len(mean)) * width + width / 2
        x = middle / steps_per_epoch(run, recorded)
        parts.append(_part(label, run, "train", x, mean, whole=False))
        for split in ("val", "test"):
            values = table[f"{split}_loss"].to_numpy()
            parts.append(_part(label, run, split, table["epoch"] + 1.0, values, whole=True))
    return _curves(name, tr("Loss"), tr("loss (nats)"), parts, looks, log=True)


def accuracy_curves(name: str, runs: Sequence[RunRecord]) -> Chart:
    """Accuracy over epochs; that of training is a mean over its epoch, at its middle."""
    looks = series(runs)
    parts = []
    for run in runs:
        label, _ = looks[run.experiment, run.model, run.lr]
        table = epochs(run)
        for split, shift in (("train", 0.5), ("val", 1.0), ("test", 1.0)):
            values = 100 * table[f"{split}_accuracy"].to_numpy()
            parts.append(_part(label, run, split, table["epoch"] + shift, values, whole=True))
    return _curves(name, tr("Accuracy"), tr("accuracy (%)"), parts, looks, log=False)


def _part(label: str, run: RunRecord, split: str, x: Any, y: Any, *, whole: bool) -> pd.DataFrame:
    """Return some points of one run, each of a whole epoch or of a few steps; finite ones only."""
    frame = pd.DataFrame(
        {"x": np.asarray(x, float), "y": np.asarray(y, float), "whole": int(whole)}
    )
    frame = frame[np.isfinite(frame["y"])]
    found: pd.DataFrame = frame.assign(
        series=label, split=_split_names()[split], seed=str(run.seed)
    )
    return found


def _split_names() -> dict[str, str]:
    return {"train": tr("training"), "val": tr("validation"), "test": tr("test")}


def _curves(
    name: str,
    title: str,
    unit: str,
    parts: Sequence[pd.DataFrame],
    looks: dict[tuple[str, str, str], tuple[str, str]],
    log: bool,
) -> Chart:
    frame = pd.concat(parts, ignore_index=True)
    splits = [split for split in _split_names().values() if (frame["split"] == split).any()]
    shown = dict(looks.values())
    chosen_series = alt.param(name="series", value=list(shown))
    chosen_splits = alt.param(name="splits", value=splits)
    hover = alt.selection_point(
        name="hover", on="pointerover", nearest=True, fields=["x", "series"], empty=False
    )
    x = alt.X(
        "x:Q",
        title=tr("epoch"),
        scale=alt.Scale(nice=False, domainMin=0),
        axis=alt.Axis(tickCount=8, format="~g"),
    )
    y = alt.Y("y:Q", title=unit, scale=alt.Scale(zero=False))
    base = (
        alt.Chart(alt.NamedData("points"))
        .transform_filter("indexof(series, datum.series) >= 0")
        .transform_filter("indexof(splits, datum.split) >= 0")
        .encode(
            x=x,
            y=y,
            color=alt.Color("series:N", legend=None, scale=colour_scale(shown)),
            detail=["seed:N"],
        )
    )
    dashes = alt.StrokeDash(
        "split:N",
        scale=alt.Scale(domain=splits, range=[[1, 0], [6, 2], [2, 2]][: len(splits)]),
        legend=alt.Legend(title=None, orient="top", symbolStrokeColor="var(--muted)"),
    )
    line = base.mark_line(strokeWidth=1.6, clip=True).encode(strokeDash=dashes)
    # A line of one epoch would be no line at all.
    dots = base.transform_filter("datum.whole").mark_point(filled=True, size=18, clip=True)
    point = (
        base.mark_point(filled=True, size=60)
        .encode(
            opacity=alt.condition(hover, alt.value(1), alt.value(0)),
            tooltip=[
                alt.Tooltip("series:N", title=tr("run")),
                alt.Tooltip("seed:N", title=tr("seed")),
                alt.Tooltip("split:N", title=tr("split")),
                alt.Tooltip("x:Q", title=tr("epoch"), format=".3~f"),
                alt.Tooltip("y:Q", title=unit, format=".4~f"),
            ],
        )
        .add_params(hover)
    )
    chart = sized(alt.layer(line, dots, point), title).add_params(chosen_series, chosen_splits)
    choices = (
        Choice("series", tr("Runs"), tuple((key, key, shown[key]) for key in shown)),
        Choice("splits", tr("Splits"), tuple((split, split, "") for split in splits)),
    )
    return Chart(name, title, chart.to_dict(), {"points": columns(frame)}, choices, log)


def confusion_chart(name: str, runs: Sequence[RunRecord]) -> Chart | None:
    """The confusion matrix of each model at its chosen learning rate; None without predictions."""
    parts, models = [], []
    for model, seen in tested_models(runs):
        if not seen:
            continue
        found = confusion([guesses for _, guesses in seen])
        k = len(found.classes)
        models.append(model)
        parts.append(
            pd.DataFrame(
                {
                    "model": model,
                    "true": np.repeat(found.classes, k),
                    "predicted": np.tile(found.classes, k),
                    "count": found.counts.ravel(),
                    "share": 100 * found.shares.ravel(),
                }
            )
        )
    if not parts:
        return None
    frame = pd.concat(parts, ignore_index=True)
    order = list(dict.fromkeys(frame["true"]))
    which = alt.param(name="model", value=models[0])
    value = alt.param(name="value", value="share")
    base = (
        alt.Chart(alt.NamedData("cells"))
        .transform_filter("datum.model == model")
        .transform_calculate(shown="value == 'share' ? datum.share : datum.count")
        .encode(
            x=alt.X("predicted:N", sort=order, title=tr("predicted class")),
            y=alt.Y("true:N", sort=order, title=tr("true class")),
        )
    )
    cells = base.mark_rect().encode(
        color=alt.value("var(--accent)"),  # an opacity, so that no share is on any paper
        fillOpacity=alt.FillOpacity(
            "share:Q", scale=alt.Scale(domain=[0, 100], range=[0.04, 1]), legend=None
        ),
        tooltip=[
            alt.Tooltip("true:N", title=tr("true class")),
            alt.Tooltip("predicted:N", title=tr("predicted class")),
            alt.Tooltip("count:Q", title=tr("images"), format=".1~f"),
            alt.Tooltip("share:Q", title=tr("% of the class"), format=".1f"),
        ],
    )
    layers = [cells]
    if len(order) <= _CELLS:
        layers.append(
            base.transform_filter("datum.count > 0")
            .mark_text(fontSize=10)
            .encode(
                text=alt.Text("shown:Q", format=".0f"),
                color=alt.condition(
                    "datum.share > 50", alt.value("var(--paper)"), alt.value("var(--ink)")
                ),
            )
        )
    title = tr("Confusion matrix")
    chart = sized(alt.layer(*layers), title, 440).add_params(which, value)
    choices = (
        Choice("model", tr("Model"), tuple((m, m, "") for m in models), False, models[0]),
        Choice(
            "value",
            tr("Numbers"),
            (("share", tr("% of the true class"), ""), ("count", tr("images"), "")),
            False,
            "share",
        ),
    )
    return Chart(name, title, chart.to_dict(), {"cells": columns(frame)}, choices)


def efficiency_chart(name: str, runs: Sequence[RunRecord]) -> Chart | None:
    """Test accuracy against what a model costs; None without predictions."""
    found, _ = efficiencies(runs)
    if not found:
        return None
    on = fronts(found)
    rows = []
    for place, one in enumerate(found):
        ends = one.wilson or (one.accuracy.low, one.accuracy.high)
        for cost in COSTS:
            rows.append(
                {
                    "model": one.name,
                    "kind": cost,
                    "cost": one.cost(cost),
                    "accuracy": 100 * one.accuracy.mean,
                    "low": 100 * ends[0],
                    "high": 100 * ends[1],
                    "seeds": one.accuracy.n,
                    "front": tr("yes") if on[cost][place] else tr("no"),
                }
            )
    frame = pd.DataFrame(rows)
    of_model = colours(one.model for one in found)
    shown = {one.name: of_model[one.model] for one in found}
    words = {
        "parameters": tr("parameters"),
        "macs": tr("multiply-accumulates of one image"),
        "seconds": tr("seconds of training"),
    }
    kind = alt.param(name="kind", value=COSTS[0])
    base = (
        alt.Chart(alt.NamedData("models"))
        .transform_filter("datum.kind == kind")
        .encode(
            x=alt.X(
                "cost:Q",
                title=tr("cost, as chosen above"),
                scale=alt.Scale(type="log", nice=False, padding=24),
                axis=alt.Axis(format="~s", tickCount=6),
            ),
            y=alt.Y("accuracy:Q", title=tr("test accuracy (%)"), scale=alt.Scale(zero=False)),
            color=alt.Color("model:N", legend=None, scale=colour_scale(shown)),
        )
    )
    front = (
        base.transform_filter(f"datum.front == '{tr('yes')}'")
        .mark_line(interpolate="step-after", strokeDash=[4, 3], strokeWidth=1.2)
        .encode(color=alt.value("var(--muted)"))
    )
    interval = base.mark_rule(strokeWidth=1.4).encode(y="low:Q", y2="high:Q")
    points = base.mark_point(filled=True, size=90).encode(
        tooltip=[
            alt.Tooltip("model:N", title=tr("model")),
            alt.Tooltip("cost:Q", title=tr("cost"), format=",.0f"),
            alt.Tooltip("accuracy:Q", title=tr("test accuracy (%)"), format=".2f"),
            alt.Tooltip("low:Q", title=tr("interval from"), format=".2f"),
            alt.Tooltip("high:Q", title=tr("to"), format=".2f"),
            alt.Tooltip("seeds:Q", title=tr("seeds")),
            alt.Tooltip("front:N", title=tr("on the Pareto front")),
        ]
    )
    names = base.mark_text(align="left", dx=8, dy=-6).encode(text="model:N")
    title = tr("Accuracy against cost")
    chart = sized(alt.layer(front, interval, points, names), title).add_params(kind)
    options = tuple((cost, words[cost], "") for cost in COSTS)
    choices = (Choice("kind", tr("Cost"), options, False, COSTS[0]),)
    return Chart(name, title, chart.to_dict(), {"models": columns(frame)}, choices)


def colour_scale(shown: dict[str, str]) -> alt.Scale:
    """Return the scale that gives each name its colour."""
    return alt.Scale(domain=list(shown), range=list(shown.values()))


def sized(chart: Any, title: str, height: int = HEIGHT) -> Any:
    """Let a chart be as wide as its place on the page; its title is what a screen reader says."""
    return chart.properties(width="container", height=height, description=title)
