"""The charts of loss and accuracy over epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from pj2.exhibits.columns import bin_width, bins, columns, share
from pj2.exhibits.palette import series
from pj2.exhibits.vega import Chart, Choice, colour_scale, options, shown_nearby, sized, tooltip
from pj2.language import tr
from pj2.runs.reading import RunRecord, by_model, chosen_setting, epochs, steps, steps_per_epoch

_POINTS = 60_000  # training losses of one chart, over all its runs
_LINES = 100  # runs; with more, the chart shows one learning rate per model
_SMOOTH = 5  # steps, at least, averaged in one point of a training loss


def curve_charts(runs: Sequence[RunRecord]) -> list[Chart]:
    """Return charts of loss and accuracy of every run, or of each model's chosen learning rate."""
    caption = ""
    if len(runs) > _LINES:
        caption = tr(
            "Of {n:,} runs the chart shows those at each model's chosen learning rate.", n=len(runs)
        )
        runs = [run for group in by_model(runs).values() for run in chosen_setting(group)]
    return [replace(chart, caption=caption) for chart in (loss_curves(runs), accuracy_curves(runs))]


def loss_curves(runs: Sequence[RunRecord]) -> Chart:
    """Return the loss over epochs: training loss by step, binned if many; others by epoch."""
    looks = series(runs)
    most = share(_POINTS, runs, 120)
    parts = []
    for run in runs:
        label, _ = looks[run.experiment, run.model, run.lr]
        recorded, table = steps(run), epochs(run)
        width = max(_SMOOTH, bin_width(len(recorded), most))
        _, _, mean = bins(recorded["loss"].to_numpy(), width)
        start = np.arange(len(mean)) * width
        middle = (start + np.minimum(start + width, len(recorded))) / 2
        x = middle / steps_per_epoch(run, recorded)
        parts.append(_part(label, run, "train", x, mean, whole=False))
        for split in ("val", "test"):
            values = table[f"{split}_loss"].to_numpy()
            parts.append(_part(label, run, split, table["epoch"] + 1.0, values, whole=True))
    return _curves("loss", tr("Loss"), tr("loss (nats)"), parts, looks, log=True)


def accuracy_curves(runs: Sequence[RunRecord]) -> Chart:
    """Return the accuracy over epochs; a training accuracy stands at the middle of its epoch."""
    looks = series(runs)
    parts = []
    for run in runs:
        label, _ = looks[run.experiment, run.model, run.lr]
        table = epochs(run)
        for split, shift in (("train", 0.5), ("val", 1.0), ("test", 1.0)):
            values = 100 * table[f"{split}_accuracy"].to_numpy()
            parts.append(_part(label, run, split, table["epoch"] + shift, values, whole=True))
    return _curves("accuracy", tr("Accuracy"), tr("accuracy (%)"), parts, looks, log=False)


def _part(label: str, run: RunRecord, split: str, x: Any, y: Any, *, whole: bool) -> pd.DataFrame:
    """Return the finite points of one run; each covers a whole epoch, or a few steps."""
    points = {"x": np.asarray(x, float), "y": np.asarray(y, float), "whole": int(whole)}
    told = {"series": label, "split": _split_names()[split], "seed": str(run.seed)}
    frame = pd.DataFrame(points | told)
    finite: pd.DataFrame = frame[np.isfinite(frame["y"])]
    return finite


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
    chart = sized(_layers(unit, shown, splits), title).add_params(
        alt.param(name="series", value=list(shown)), alt.param(name="splits", value=splits)
    )
    choices = (
        Choice("series", tr("Runs"), options(shown, shown)),
        Choice("splits", tr("Splits"), options(splits)),
    )
    return Chart(name, title, chart.to_dict(), {"points": columns(frame)}, choices, log)


def _layers(unit: str, shown: dict[str, str], splits: Sequence[str]) -> Any:
    """Return one line per run and split, its points, and the point under the pointer."""
    base = (
        alt.Chart(alt.NamedData("points"))
        .transform_filter("indexof(series, datum.series) >= 0")
        .transform_filter("indexof(splits, datum.split) >= 0")
        .encode(
            x=alt.X(
                "x:Q",
                title=tr("epoch"),
                scale=alt.Scale(nice=False, domainMin=0),
                axis=alt.Axis(tickCount=8, format="~g"),
            ),
            y=alt.Y("y:Q", title=unit, scale=alt.Scale(zero=False)),
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
    # A line of one epoch would be invisible.
    dots = base.transform_filter("datum.whole").mark_point(filled=True, size=18, clip=True)
    told = tooltip(
        ("series:N", tr("run")),
        ("seed:N", tr("seed")),
        ("split:N", tr("split")),
        ("x:Q", tr("epoch"), ".3~f"),
        ("y:Q", unit, ".4~f"),
    )
    point = shown_nearby(base.mark_point(filled=True, size=60), ["x", "series"], told)
    return alt.layer(line, dots, point)
