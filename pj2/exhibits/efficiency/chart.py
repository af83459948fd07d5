"""The chart of accuracy against a model's cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from pj2.exhibits.columns import columns
from pj2.exhibits.efficiency.numbers import COSTS, Efficiency, efficiencies, fronts
from pj2.exhibits.palette import colours
from pj2.exhibits.vega import Chart, Choice, colour_scale, sized, tooltip
from pj2.language import tr
from pj2.runs.reading import RunRecord


def efficiency_charts(runs: Sequence[RunRecord]) -> list[Chart]:
    """Return the chart of test accuracy against a model's cost; empty if no model was tested."""
    models, _ = efficiencies(runs)
    if not models:
        return []
    of_model = colours(model.own_name for model in models)
    title = tr("Accuracy against cost")
    layers = _layers({model.name: of_model[model.own_name] for model in models})
    chart = sized(layers, title).add_params(alt.param(name="kind", value=COSTS[0]))
    words = {
        "parameters": tr("parameters"),
        "macs": tr("multiply-accumulates of one image"),
        "seconds": tr("seconds of training"),
    }
    options = tuple((cost, words[cost], "") for cost in COSTS)
    choices = (Choice("kind", tr("Cost"), options, False, COSTS[0]),)
    caption = tr(
        "Bars: mean ± standard deviation over seeds, or with one seed the 95 % Wilson interval."
    )
    data = {"models": columns(_points(models))}
    return [Chart("efficiency", title, chart.to_dict(), data, choices, caption=caption)]


def _points(models: Sequence[Efficiency]) -> pd.DataFrame:
    """Return one row for each model and cost."""
    on_front = fronts(models)
    return pd.DataFrame(
        [
            {
                "model": model.name,
                "kind": cost,
                "cost": model.cost(cost),
                "accuracy": 100 * model.accuracy.mean,
                "low": 100 * model.spread[0],
                "high": 100 * model.spread[1],
                "seeds": model.accuracy.n,
                "front": tr("yes") if on_front[cost][place] else tr("no"),
            }
            for place, model in enumerate(models)
            for cost in COSTS
        ]
    )


def _layers(shown: dict[str, str]) -> Any:
    """Return the front, and each model's point, interval and name in its colour."""
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
        tooltip=tooltip(
            ("model:N", tr("model")),
            ("cost:Q", tr("cost"), ",.0f"),
            ("accuracy:Q", tr("test accuracy (%)"), ".2f"),
            ("low:Q", tr("drawn from"), ".2f"),
            ("high:Q", tr("to"), ".2f"),
            ("seeds:Q", tr("seeds")),
            ("front:N", tr("on the Pareto front")),
        )
    )
    names = base.mark_text(align="left", dx=8, dy=-6).encode(text="model:N")
    return alt.layer(front, interval, points, names)
