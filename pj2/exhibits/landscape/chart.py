"""The chart of loss bands; the page computes the band of any chosen learning rates itself."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import altair as alt

from pj2.exhibits import style
from pj2.exhibits.landscape.numbers import band_runs, no_band
from pj2.exhibits.palette import colours
from pj2.exhibits.vega import (
    HEIGHT,
    Chart,
    Choice,
    colour_scale,
    options,
    shown_nearby,
    sized,
    tooltip,
)
from pj2.language import tr
from pj2.runs.reading import RunRecord, steps

_MOST = 2_000_000  # losses of an experiment's runs: about 11 MB of the page
_DRAWN = 5_000  # points of a line, until the reader asks for more
_BINS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_MEANS = (10, 50, 200, 1000)  # steps of a running mean, up to a quarter of the longest run's


def landscape_charts(runs: Sequence[RunRecord]) -> list[Chart] | None:
    """Return the chart of the loss band over the learning rates that the reader chooses.

    The chart holds every run's exact losses, and the page takes the extremes over the chosen runs
    as `pj2.exhibits.landscape.numbers.landscape_band` does: every seed by itself, cut to the
    shortest run that did not diverge. None if the losses are too many for a page. Raises
    UserError for a model without a band.
    """
    recorded = [steps(run)["loss"].to_numpy("<f4") for run in runs]
    with_losses = {run.folder for run, loss in zip(runs, recorded, strict=True) if len(loss)}
    for members in band_runs(runs).values():
        if with_losses.isdisjoint(run.folder for run in members):
            raise no_band(members[0])
    if sum(map(len, recorded)) > _MOST:
        return None
    longest = max(map(len, recorded))
    losses = style.LossRange(sum(map(len, recorded)))
    shown_runs: list[dict[str, Any]] = []
    for run, loss in zip(runs, recorded, strict=True):
        losses.add(loss)
        shown_runs.append(
            {
                "model": run.model,
                "rate": run.lr,
                "seed": str(run.seed),
                "steps": len(loss),
                "diverged": run.diverged_at is not None,
                "loss": base64.b64encode(loss.tobytes()).decode(),
            }
        )
    rates = sorted({run.lr for run in runs}, key=float)
    seeds = list(dict.fromkeys(str(run.seed) for run in runs))
    shown = colours(run.model for run in runs)
    sizes = [size for size in _BINS if size <= max(1, longest // 10)]
    first = next((size for size in sizes if longest <= size * _DRAWN), sizes[-1])
    choices = [
        Choice("rates", tr("Learning rates"), options(rates)),
        Choice("models", tr("Models"), options(shown, shown)),
        Choice(
            "bin",
            tr("Shown"),
            tuple((str(size), _bin_name(size), "") for size in sizes),
            False,
            str(first),
        ),
        Choice("lines", tr("Within it"), (("runs", tr("each run's loss"), ""),), checked=False),
    ]
    means = [size for size in _MEANS if size <= longest // 4]
    if means:
        over = ((str(size), tr("over {n} steps", n=size), "") for size in means)
        none = ("1", tr("none"), "")
        choices.insert(-1, Choice("mean", tr("Running mean"), (none, *over), False, "1"))
    if len(seeds) > 1:
        choices.insert(1, Choice("seed", tr("Seed"), options(seeds), False, seeds[0]))
    band = {"seed": seeds[0], "top": losses.top, "runs": shown_runs}
    title = tr("Band of the training loss over learning rates")
    spec = _spec(title, shown, losses.top)
    return [Chart("band", title, spec, {}, tuple(choices), True, band)]


def _bin_name(size: int) -> str:
    return tr("every step (raw)") if size == 1 else tr("bins of {n} steps", n=size)


def _spec(title: str, shown: dict[str, str], top: float) -> dict[str, Any]:
    colour = alt.Color("model:N", legend=None, scale=colour_scale(shown))
    x = alt.X(
        "step:Q",
        title=tr("training step"),
        scale=alt.Scale(nice=False),
        axis=alt.Axis(tickCount=8, format=",d"),
    )
    base = alt.Chart(alt.NamedData("band")).encode(x=x, color=colour)
    y = alt.Y(
        "min:Q",
        title=_loss(),
        scale=alt.Scale(zero=False, domainMax=top),
    )
    area = base.mark_area(opacity=0.3, clip=True).encode(y=y, y2="max:Q")
    edges = [
        base.mark_line(strokeWidth=1, clip=True).encode(y=alt.Y(f"{edge}:Q"))
        for edge in ("min", "max")
    ]
    told = tooltip(
        ("model:N", tr("model")),
        ("step:Q", tr("step"), ","),
        ("min:Q", tr("least loss"), ".4~f"),
        ("max:Q", tr("greatest loss"), ".4~f"),
    )
    greatest = base.mark_point(filled=True, size=50, clip=True).encode(y="max:Q")
    point = shown_nearby(greatest, ["step", "model"], told)
    chart: dict[str, Any] = sized(
        alt.layer(area, *edges, *_lines(x, colour), point), title, HEIGHT + 60
    ).to_dict()
    return chart


def _lines(x: alt.X, colour: alt.Color) -> tuple[alt.Chart, alt.Chart]:
    """Return the line of each run's loss, and on it a label with its learning rate."""
    y = alt.Y("loss:Q", title=_loss())
    line = alt.Chart(alt.NamedData("losses")).encode(x=x, y=y, color=colour)
    names = line.transform_filter("datum.label").mark_text(dy=-6, clip=True)
    return line.mark_line(strokeWidth=0.8, clip=True).encode(detail="rate:N"), names.encode(
        text="rate:N"
    )


def _loss() -> str:
    return tr("minibatch training loss (nats)")
