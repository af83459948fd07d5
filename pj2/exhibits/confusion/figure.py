"""The confusion matrix of one model on the test set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm

from pj2.exhibits import letters, style
from pj2.exhibits.cautions import chosen_by_test, diverged_runs
from pj2.exhibits.confusion.numbers import ConfusedPair, Confusion, confusion
from pj2.language import tr
from pj2.runs.reading import (
    PathLike,
    Predictions,
    chosen_setting,
    load_runs,
    one_model,
    setting_in_words,
    tested,
)
from pj2.statistics import SHARE, mean_interval, wilson_interval

_TOP = 10
_LETTERS = 78  # of a title on one line
_MOST_WITH_NUMBERS = 12  # classes; numbers in more cells would be illegible
_COLOURS = LinearSegmentedColormap.from_list("share", ["#FFFFFF", "#8FC1E3", "#0072B2", "#00304D"])


@style.styled
def plot_confusion(index_paths: Iterable[PathLike], stem: PathLike) -> None:
    """Draw the confusion matrix of a model's chosen setting, and its most frequent mistakes.

    Rows are true classes. Colour is the share of the row; cells hold the count and, from 0.5 %,
    the share in percent. With several seeds the matrix is their mean, and cells hold the count's
    standard deviation over seeds. Raises UserError if the runs are not of one model.
    """
    runs = load_runs(index_paths)
    model = one_model(runs)
    setting = chosen_setting(runs)
    seen = tested(setting)
    if not seen:
        style.save_placeholder(tr("{model}: no run finished an epoch", model=model), stem)
        return
    shown, guesses = zip(*seen, strict=True)
    result = confusion(guesses)

    figure = style.new_figure(4.9)
    cells, bars = figure.subplots(1, 2, width_ratios=(3.1, 1))
    _draw_cells(cells, result)
    _draw_mistakes(bars, result.most_confused(_TOP))
    title = tr("{model}: test accuracy {accuracy}", model=model, accuracy=_accuracy(guesses))
    fits = letters.width(title) <= _LETTERS
    figure.suptitle(title if fits else title.replace(tr(": "), "\n", 1))
    epochs = sorted({(run.best_epoch or 0) + 1 for run in shown})
    style.note(
        figure,
        tr(
            "{setting}; weights of epoch {epochs}. Colour: share of the true class, on a "
            "square-root scale.",
            setting=setting_in_words(shown, runs), epochs=tr(", ").join(map(str, epochs)),
        ),
        _cells_in_words(len(shown)) if _has_numbers(result) else "",
        diverged_runs(setting),
        chosen_by_test(shown),
    )  # fmt: skip
    style.save(figure, stem)


def _cells_in_words(seeds: int) -> str:
    if seeds > 1:
        return tr(
            "Cells: mean number of images ± its standard deviation over seeds, as in the title."
        )
    return tr("Cells: images and, from 0.5 %, that share in percent.")


def _accuracy(guesses: Sequence[Predictions]) -> str:
    """Return the accuracy for the title; for one seed with its Wilson interval."""
    n = len(guesses[0].label)
    if len(guesses) == 1:
        low, high = wilson_interval(guesses[0].correct, n)
        return tr(
            "{percent:.2f} % (95 % interval {low:.2f} to {high:.2f}, n = {n:,})",
            percent=100 * guesses[0].correct / n, low=100 * low, high=100 * high, n=n,
        )  # fmt: skip
    accuracy = mean_interval([seed.correct / n for seed in guesses], SHARE)
    return tr(
        "{mean:.2f} ± {sd:.2f} % ({seeds} seeds, {n:,} images)",
        mean=100 * accuracy.mean, sd=100 * accuracy.sd, seeds=accuracy.n, n=n,
    )  # fmt: skip


def _has_numbers(result: Confusion) -> bool:
    return len(result.classes) <= _MOST_WITH_NUMBERS


def _draw_cells(axes: Axes, result: Confusion) -> None:
    shares, size = result.shares, len(result.classes)
    axes.imshow(shares, cmap=_COLOURS, norm=PowerNorm(0.5, 0, 1), aspect="auto")
    style.bare(axes)
    axes.set(xlabel=tr("predicted class"), ylabel=tr("true class"))
    if not _has_numbers(result):
        axes.set_xticks(range(size), result.classes, rotation=90, fontsize=3.5)
        axes.set_yticks(range(size), result.classes, fontsize=3.5)
        return
    axes.set_xticks(range(size), result.classes, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(size), result.classes)
    spread = result.spread
    for (true, predicted), count in np.ndenumerate(result.counts):
        share = shares[true, predicted]
        if result.seeds > 1:
            text = f"{count:,.0f}" + (f"\n±{spread[true, predicted]:.1f}" if count else "")
        else:
            text = f"{count:,.0f}" + (f"\n{100 * share:.1f}" if share >= 0.005 else "")
        colour = "white" if share > 0.35 else style.MUTED if share < 0.005 else style.INK
        axes.text(predicted, true, text, ha="center", va="center", fontsize=7, color=colour)


def _draw_mistakes(axes: Axes, pairs: Sequence[ConfusedPair]) -> None:
    """Draw the most frequent mistakes as bars, each below its name."""
    places = np.arange(len(pairs))
    axes.barh(places, [100 * pair.share for pair in pairs], height=0.35, color="#0072B2")
    for place, pair in zip(places, pairs, strict=True):
        axes.text(
            0, place - 0.25, f"{pair.true} → {pair.predicted}: {pair.count:,.0f}", va="bottom",
            fontsize=8,
        )  # fmt: skip
    axes.set_title(tr("most confused"), loc="left")
    axes.set(ylim=(_TOP - 0.5, -0.75), xlabel=tr("% of the true class"))
    axes.set_yticks([])
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
