"""The chart of accuracy against what a model costs."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from pj2.exhibits.columns import columns
from pj2.exhibits.efficiency.numbers import COSTS, efficiencies, fronts
from pj2.exhibits.palette import colours
from pj2.exhibits.vega import Chart, Choice, colour_scale, sized
from pj2.language import tr
from pj2.runs.reading import RunRecord


def efficiency_charts(runs: Sequence[RunRecord]) -> list[Chart]:
    """Test accuracy against what a model costs, if any was tested."""
    found, _ = efficiencies(runs)
    if not found:
        return []
    on = fronts(found)
    rows = []
    for place, one in enumerate(found):
        for cost in COSTS:
            rows.append(
                {
                    "model": one.name,
                    "kind": cost,
                    "cost": one.cost(cost),
                    "accuracy": 100 * one.accuracy.mean,
                    "low": 100 * one.spread[0],
                    "high": 100 * one.spread[1],
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
            alt.Tooltip("low:Q", title=tr("drawn from"), format=".2f"),
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
    caption = tr(
        "Bars: mean ± standard deviation over seeds; of a single seed the 95 % Wilson interval."
    )
    data = {"models": columns(frame)}
    return [
        Chart("efficiency", title, chart.to_dict(), data, choices, caption=caption),
    ]
