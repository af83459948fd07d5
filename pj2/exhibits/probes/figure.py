"""The figure of the loss along the step's direction: the three quantities of the paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pj2.errors import UserError
from pj2.exhibits import style
from pj2.exhibits.probes.numbers import QUANTITIES, is_probed, probe_steps
from pj2.language import tr
from pj2.runs.reading import PathLike, RunRecord, diverged, load_runs
from pj2.wording import named

_STABLE = 2.0  # gradient descent at rate η is stable on a quadratic of curvature below 2 / η
_MOST_ROWS = 6  # learning rates and directions on one figure; the table has all

Rows = dict[tuple[str, str], dict[str, tuple[RunRecord, pd.DataFrame]]]


@style.styled
def plot_probes(index_paths: Iterable[PathLike], stem: PathLike) -> None:
    """Draw each quantity over training steps, all models on one pair of axes.

    A row of panels is a learning rate and a direction; the figure shows the first seed. Raises
    UserError if no run was probed.
    """
    runs = [run for run in load_runs(index_paths) if is_probed(run)]
    if not runs:
        raise UserError("no probed runs to show: no experiment here has probe: in the config")
    rows = _rows(runs)
    shown = dict(list(rows.items())[:_MOST_ROWS])
    colours = style.colours(run.model for run in runs)
    figure = style.new_figure(1.5 + 2.1 * len(shown))
    grid = figure.subplots(len(shown), 3, squeeze=False, sharex=True)
    for panels, ((lr, along), members) in zip(grid, shown.items(), strict=True):
        _draw_row(panels, members, colours)
        panels[0].set_ylabel("\n".join([_row_in_words(lr, along), tr("loss (nats)")]))
    for panel, quantity in zip(grid[0], QUANTITIES.values(), strict=True):
        panel.set_title(tr(quantity))
    for panel in grid[-1]:
        panel.set_xlabel(tr("training step"))
        panel.xaxis.set_major_formatter("{x:,.0f}")
    handles: list[Patch | Line2D] = [
        Patch(facecolor=(colour, 0.3), edgecolor=colour, label=model)
        for model, colour in colours.items()
    ]
    style.heading(figure, tr("The loss along the step's direction"), handles)
    style.note(figure, *_small_print(runs, rows, shown))
    style.save(figure, stem)


def _rows(runs: Sequence[RunRecord]) -> Rows:
    """Return the first seed's run of each model, by learning rate and direction."""
    rows: Rows = {}
    for run in runs:
        if run.seed != runs[0].seed:
            continue
        for along, steps in probe_steps(run).groupby("along", sort=False):
            rows.setdefault((run.lr, str(along)), {})[run.model] = (run, steps)
    return rows


def _row_in_words(lr: str, along: str) -> str:
    if along == "gradient":
        return tr("lr {lr}, along gradient", lr=lr)
    return tr("lr {lr}, along update", lr=lr)


def _draw_row(
    panels: np.ndarray,
    members: Mapping[str, tuple[RunRecord, pd.DataFrame]],
    colours: Mapping[str, str],
) -> None:
    variation, predictiveness, smoothness = panels
    times_rate = all(_descends(run) for run, _ in members.values())
    for model, (run, steps) in members.items():
        colour = colours[model]
        _band(variation, steps, "loss_min", "loss_max", colour)
        _band(predictiveness, steps, "distance_min", "distance_max", colour)
        beta = steps["smoothness"] * (run.learning_rate if times_rate else 1.0)
        smoothness.plot(
            steps["step"], beta.where(np.isfinite(beta)),
            color=colour, marker=".", markersize=3, linewidth=1.0,
        )  # fmt: skip
        if run.diverged_at is not None and len(steps):
            last = steps.iloc[-1]
            variation.plot(last["step"], last["start_loss"], **style.cross(colour), clip_on=False)
    for panel in panels:
        style.log_scale(panel)
    predictiveness.set_ylabel("‖∇L(θₖ) − ∇L(θ)‖₂")
    smoothness.set_ylabel("β · η" if times_rate else "β")
    if times_rate:
        smoothness.axhline(_STABLE, color=style.MUTED, linewidth=0.8, linestyle="--")


def _descends(run: RunRecord) -> bool:
    """Tell whether a step is the gradient times the learning rate, and nothing else."""
    optimizer = run.info["settings"]["optimizer"]
    return optimizer["name"] == "sgd" and not optimizer["momentum"]


def _band(axes: Axes, steps: pd.DataFrame, low: str, high: str, colour: str) -> None:
    finite = steps[np.isfinite(steps[high])]
    axes.fill_between(finite["step"], finite[low], finite[high], color=colour, alpha=0.3, lw=0)
    for edge in (low, high):
        axes.plot(finite["step"], finite[edge], color=colour, linewidth=0.8)
    style.mark_above(axes, steps["step"][~np.isfinite(steps[high])], colour)


def _small_print(runs: Sequence[RunRecord], rows: Rows, shown: Rows) -> list[str]:
    probe = runs[0].info["settings"]["probe"]
    low, high = probe["range"]
    along = dict.fromkeys(direction for _, direction in shown)
    formulas = {"gradient": "g = ∇L(θ)", "update": tr("the optimizer's update u")}
    optimizers = {run.info["settings"]["optimizer"]["name"] for run in runs}
    seeds = sorted({run.seed for run in runs} - {runs[0].seed})
    lost = [
        tr(
            "{model} lr {lr} diverged at step {step:,}",
            model=run.model, lr=run.lr, step=run.diverged_at,
        )
        for run in diverged(runs)
    ]  # fmt: skip
    drawn = [steps for members in shown.values() for _, steps in members.values()]
    any_infinite = not all(np.isfinite(steps["loss_max"]).all() for steps in drawn)
    return [
        tr(
            "Every {every} steps, at {lengths} lengths ηₖ from {low:g} to {high:g} × the learning "
            "rate: θₖ = θ − ηₖ d, d = {directions}, on the same minibatch. Loss variation: range "
            "of L(θₖ). Gradient predictiveness: range of ‖∇L(θₖ) − ∇L(θ)‖₂. Effective β: greatest "
            "‖∇L(θₖ) − ∇L(θ)‖₂ / (ηₖ ‖d‖₂).",
            every=probe["every"], lengths=probe["steps"], low=low, high=high,
            directions=tr(" or ").join(formulas[direction] for direction in along),
        ),
        tr(
            "β · η: β times the learning rate. Gradient descent drives it to 2 (dashed) whatever "
            "the landscape (Cohen et al. 2021), so values near 2 rank no model."
        )
        if all(_descends(run) for run in runs)
        else "",
        tr("After Santurkar et al. 2018, section 3.1; along the update is an extension.")
        if "update" in along
        else tr("After Santurkar et al. 2018, section 3.1."),
        tr("Trained with {optimizers}.", optimizers=tr(", ").join(sorted(optimizers))),
        tr("Seed {seed}; {n} more in the table.", seed=runs[0].seed, n=len(seeds))
        if seeds
        else tr("Seed {seed}.", seed=runs[0].seed),
        tr("{n} more in the table.", n=len(rows) - len(shown)) if len(rows) > len(shown) else "",
        tr("✕: {runs}.", runs=named(lost, tr(", "))) if lost else "",
        tr("▲: not finite.") if any_infinite else "",
    ]  # fmt: skip
