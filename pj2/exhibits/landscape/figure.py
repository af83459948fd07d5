"""The figure of the loss bands: each model's training losses over its learning rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pj2.exhibits import style
from pj2.exhibits.cautions import cautions, stalled_runs
from pj2.exhibits.landscape.numbers import (
    band_runs,
    band_width_table,
    bin_band,
    bin_width,
    common_steps,
    read_band,
)
from pj2.language import tr
from pj2.runs.reading import PathLike, RunRecord, diverged, load_runs, steps
from pj2.statistics import Mean, mean_interval
from pj2.wording import rates as in_words

Members = Mapping[tuple[str, int], Sequence[RunRecord]]
"""The runs of each band, by model and seed."""

_BINS = 400  # about two pixels each in the PNG
_NAMED = 6  # diverged runs in the legend; with more, five are named and the others counted
_WIDTH = 5.0  # inches: still legible when a journal's column (3.4 inches) shrinks it


@style.styled
def plot_landscape(index_paths: Iterable[PathLike], band_path: PathLike, stem: PathLike) -> None:
    """Draw the bands of all models on one pair of axes: training loss over steps.

    `band_path` is the file of `pj2.exhibits.landscape.numbers.landscape_band` for the same runs.
    A long band is binned for display only (bin minima and maxima). The legend names diverged
    runs, and a cross marks their last loss.
    """
    runs = load_runs(index_paths)
    members = band_runs(runs)
    band = read_band(band_path, members)
    raw, binned = band.to_pandas(), bin_band(band, _BINS).to_pandas()
    width = bin_width(band, _BINS)
    shared = common_steps(band)
    widths = band_width_table(shared).groupby("model", sort=False)["median_width"]
    medians = {str(model): mean_interval(each.to_list()) for model, each in widths}
    colours = style.colours(medians)
    losses = style.LossRange(2 * len(raw))
    losses.add(raw["min"])
    losses.add(raw["max"])
    top, low = losses.top, losses.low

    lost = diverged(run for group in members.values() for run in group)
    figure = style.new_figure(3.3 + 0.32 * len(medians) + 0.18 * min(len(lost), _NAMED), _WIDTH)
    axes = figure.subplots()
    axes.set(
        xlim=(0, max(1, raw["step"].max())),
        ylim=(max(0.0, low - 0.05 * (top - low)), top),
        xlabel=tr("training step"),
        ylabel=tr("minibatch training loss (nats)"),
    )
    axes.xaxis.set_major_formatter("{x:,.0f}")
    # The widest band is drawn first, so that a narrow one stays visible in front of it.
    for model in sorted(medians, key=lambda name: -medians[name].mean):
        seeds = binned[binned["model"] == model].groupby("seed", sort=False)
        for place, (_, of_seed) in enumerate(seeds):
            _draw_band(axes, of_seed, width, colours[model], top, filled=place == 0)
    for run in lost:
        _mark_divergence(axes, run, colours[run.model], top)
    figure.legend(handles=_handles(members, medians, colours, lost), loc="outside upper left")
    common = tr(
        "Widths cover the {n:,} steps that all models have.", n=pc.max(shared["step"]).as_py() + 1
    )
    style.note(
        figure,
        *_small_print(members, width),
        common if len(medians) > 1 else "",
        style.note_above(raw["max"], top, "steps"),
    )
    style.save(figure, stem)


def _handles(
    members: Members,
    medians: Mapping[str, Mean],
    colours: Mapping[str, str],
    lost: Sequence[RunRecord],
) -> list[Patch | Line2D]:
    """Return the legend's handles: each model's band, and its diverged runs if they are few."""
    named = lost[: _NAMED if len(lost) <= _NAMED else _NAMED - 1]
    handles: list[Patch | Line2D] = []
    for model, width in medians.items():
        group = next(group for (name, _), group in members.items() if name == model)
        label = tr(
            "{model}, median width {width}\nlr {rates}",
            model=model,
            width=_in_words(width),
            rates=in_words([run.lr for run in group]),
        )
        face = (colours[model], 0.3)
        handles.append(Patch(facecolor=face, edgecolor=colours[model], label=label))
        handles += [_divergence(run, colours[model]) for run in named if run.model == model]
    if len(lost) > len(named):
        more = tr("… {n:,} more", n=len(lost) - len(named))
        handles.append(Line2D([], [], linestyle="", label=more))
    return handles


def _in_words(width: Mean) -> str:
    if width.n == 1:
        return f"{width.mean:.3g}"
    return tr("{mean:.3g} ± {sd:.2g} ({n} seeds)", mean=width.mean, sd=width.sd, n=width.n)


def _draw_band(
    axes: Axes, band: pd.DataFrame, width: int, colour: str, top: float, filled: bool
) -> None:
    """Fill the band of the first seed; draw the bands of other seeds as thin, pale edges."""
    middle = band["step"] + (width - 1) / 2
    if filled:
        axes.fill_between(middle, band["min"], band["max"], color=colour, alpha=0.3, linewidth=0)
    for edge in ("min", "max"):
        thickness, alpha = (0.8, 1.0) if filled else (0.5, 0.45)
        axes.plot(middle, band[edge], color=colour, linewidth=thickness, alpha=alpha)
    style.mark_above(axes, middle[band["max"] > top], colour)


def _mark_divergence(axes: Axes, run: RunRecord, colour: str, top: float) -> None:
    """Mark the last finite loss of a diverged run with a cross."""
    if run.diverged_at and run.diverged_at <= axes.get_xlim()[1]:
        height = min(float(steps(run)["loss"].iloc[-1]), top)
        axes.plot(run.diverged_at - 1, height, **style.cross(colour), clip_on=False, zorder=5)


def _divergence(run: RunRecord, colour: str) -> Line2D:
    step = run.diverged_at
    label = tr("{model}, lr {lr}: diverged at step {step:,}", model=run.model, lr=run.lr, step=step)
    return Line2D([], [], linestyle="", **style.cross(colour), label=label)


def _small_print(members: Members, width: int) -> list[str]:
    runs = [run for group in members.values() for run in group]
    seeds = list(dict.fromkeys(seed for _, seed in members))
    others = tr(", ").join(map(str, seeds[1:]))
    return [
        tr(
            "Shaded: from the least to the greatest loss over learning rates at each step, up to "
            "the end of a model's shortest run, seed {seed}.",
            seed=seeds[0],
        ),
        tr("A cross ends a diverged run; the band goes on with the other runs, if there are any.")
        if diverged(runs)
        else "",
        tr(
            "Pale lines: other seeds ({seeds}). Widths: mean ± standard deviation over seeds.",
            seeds=others,
        )
        if others
        else "",
        tr("Drawn in bins of {width} steps: least minimum, greatest maximum.", width=width)
        if width > 1
        else "",
        stalled_runs(runs),
        cautions(runs),
    ]
