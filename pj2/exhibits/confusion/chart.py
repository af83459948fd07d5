"""The chart of each model's confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from pj2.exhibits.columns import columns
from pj2.exhibits.confusion.numbers import confusion
from pj2.exhibits.tested import ModelOnTest, models_on_test
from pj2.exhibits.vega import Chart, Choice, options, sized, tooltip
from pj2.language import tr
from pj2.runs.reading import RunRecord

_CELLS = 20  # classes; a larger matrix has no numbers in its cells


def confusion_charts(runs: Sequence[RunRecord]) -> list[Chart]:
    """Return the confusion matrix of each tested model at its chosen learning rate."""
    parts = [_cells(model) for model in models_on_test(runs) if model.runs]
    if not parts:
        return []
    frame = pd.concat(parts, ignore_index=True)
    models = list(dict.fromkeys(frame["model"]))
    title = tr("Confusion matrix")
    chart = sized(_matrix(list(dict.fromkeys(frame["true"]))), title, 440).add_params(
        alt.param(name="model", value=models[0]), alt.param(name="value", value="share")
    )
    numbers = (("share", tr("% of the true class"), ""), ("count", tr("images"), ""))
    choices = (
        Choice("model", tr("Model"), options(models), False, models[0]),
        Choice("value", tr("Numbers"), numbers, False, "share"),
    )
    return [Chart("confusion-matrix", title, chart.to_dict(), {"cells": columns(frame)}, choices)]


def _cells(model: ModelOnTest) -> pd.DataFrame:
    """Return one row for each pair of true and predicted class."""
    result = confusion(model.predictions)
    k = len(result.classes)
    return pd.DataFrame(
        {
            "model": model.name,
            "true": np.repeat(result.classes, k),
            "predicted": np.tile(result.classes, k),
            "count": result.counts.ravel(),
            "share": 100 * result.shares.ravel(),
        }
    )


def _matrix(classes: list[str]) -> Any:
    """Return the matrix of the chosen model, with the chosen numbers if they are legible."""
    base = (
        alt.Chart(alt.NamedData("cells"))
        .transform_filter("datum.model == model")
        .transform_calculate(shown="value == 'share' ? datum.share : datum.count")
        .encode(
            x=alt.X("predicted:N", sort=classes, title=tr("predicted class")),
            y=alt.Y("true:N", sort=classes, title=tr("true class")),
        )
    )
    cells = base.mark_rect().encode(
        color=alt.value("var(--accent)"),  # an opacity: 0 shows either paper
        fillOpacity=alt.FillOpacity(
            "share:Q", scale=alt.Scale(domain=[0, 100], range=[0.04, 1]), legend=None
        ),
        tooltip=tooltip(
            ("true:N", tr("true class")),
            ("predicted:N", tr("predicted class")),
            ("count:Q", tr("images"), ".1~f"),
            ("share:Q", tr("% of the class"), ".1f"),
        ),
    )
    if len(classes) > _CELLS:
        return alt.layer(cells)
    dark = alt.condition("datum.share > 50", alt.value("var(--paper)"), alt.value("var(--ink)"))
    numbers = base.transform_filter("datum.count > 0").mark_text(fontSize=10)
    return alt.layer(cells, numbers.encode(text=alt.Text("shown:Q", format=".0f"), color=dark))
