"""The chart of what each model takes for what."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from pj2.exhibits.columns import columns
from pj2.exhibits.confusion.numbers import confusion
from pj2.exhibits.vega import Chart, Choice, sized
from pj2.language import tr
from pj2.runs.reading import RunRecord, tested_models

_CELLS = 20  # classes; of more, the matrix has no numbers in its cells


def confusion_charts(runs: Sequence[RunRecord]) -> list[Chart]:
    """The confusion matrix of each model at its chosen learning rate, if any was tested."""
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
        return []
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
    return [Chart("confusion-matrix", title, chart.to_dict(), {"cells": columns(frame)}, choices)]
