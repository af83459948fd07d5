"""Pictures of the mistakes that a model is surest of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from safetensors import SafetensorError, safe_open

from pj2.analysis.mistakes import Mistake, confident_mistakes
from pj2.analysis.runs import (
    PathLike,
    Predictions,
    RunRecord,
    by_setting,
    chosen_setting,
    load_runs,
    one_model,
    seeds_in_words,
    tested,
)
from pj2.data.layout import IMAGES_FILE
from pj2.data.pixels import SIDE, WORD
from pj2.errors import UserError
from pj2.figures import style

_MOST = 24
_COLUMNS = 6
_LETTERS = 18  # of a line under a picture, at its usual size


@style.styled
def plot_mistakes(index_paths: Iterable[PathLike], data: Path, stem: PathLike) -> None:
    """Show the test images that a model gets wrong with the greatest probability, at most 24.

    The model is shown at its chosen learning rate; of several seeds those images count
    that most of them get wrong, see `analysis.mistakes.confident_mistakes`. `data` is the
    folder of the prepared data set. Raises UserError if the runs are not of one model, or
    if the data are not those that the predictions are of.
    """
    runs = load_runs(index_paths)
    model = one_model(runs)
    seen = tested(chosen_setting(runs))
    if not seen:
        style.save(style.placeholder(f"{model}: no run finished an epoch"), stem)
        return
    shown, guesses = zip(*seen, strict=True)
    mistakes = confident_mistakes(guesses)
    if not mistakes:
        style.save(style.placeholder(f"{model}: {_nobody(guesses)}"), stem)
        return
    surest = mistakes[:_MOST]
    pictures = read_pictures(data / IMAGES_FILE, guesses[0], [one.index for one in surest])
    rows = -(-len(surest) // _COLUMNS)
    figure = style.new_figure(0.85 + 1.56 * rows)
    grid = figure.subplots(rows, _COLUMNS, squeeze=False)
    for axes, mistake, picture in zip(grid.flat, surest, pictures, strict=False):
        _draw(axes, mistake, picture, len(shown))
    for axes in grid.flat[len(surest) :]:
        axes.set_axis_off()
    figure.suptitle(f"{model}: the mistakes it is surest of")
    style.note(figure, *_small_print(runs, shown, guesses[0], len(surest), len(mistakes)))
    style.save(figure, stem)


def read_pictures(path: Path, predictions: Predictions, index: Sequence[int]) -> np.ndarray:
    """Return the test images at `index` of a prepared data set, uint8[n, 32, 32, 3].

    No other images are read. Raises UserError if the file cannot be read, or if its labels
    are not those of `predictions`.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            labels = file.get_tensor("test_labels")
            images = file.get_slice("test_images")
            shape = images.get_shape()
            known = predictions.index < len(labels)
            if (
                shape != [len(labels), SIDE, SIDE, WORD]
                or not known.all()
                or not np.array_equal(labels[predictions.index], predictions.label)
            ):
                raise UserError(f"{path}: not the images that these predictions are of")
            found = [images[place : place + 1] for place in index]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    except SafetensorError as error:
        raise UserError(f"{path}: not a prepared data set: {error}") from None
    pictures: np.ndarray = np.concatenate(found)[..., :3]
    return pictures


def _draw(axes: Axes, mistake: Mistake, picture: np.ndarray, seeds: int) -> None:
    axes.imshow(picture, interpolation="hanning")
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    of_seeds = f", {mistake.wrong}/{seeds} seeds" if seeds > 1 else ""
    below = f"→ {mistake.predicted}\n{100 * mistake.probability:.1f} %{of_seeds}"
    axes.set_title(mistake.true, fontsize=_size(mistake.true), pad=3)
    axes.set_xlabel(below, fontsize=_size(below), labelpad=3)


def _size(text: str) -> float:
    """Return the size in points at which the longest line of a text fits under a picture."""
    return 8.0 * min(1.0, _LETTERS / max(map(len, text.splitlines())))


def _nobody(guesses: Sequence[Predictions]) -> str:
    """Say that there is no mistake."""
    images = len(guesses[0].label)
    if len(guesses) == 1:
        return f"all {images:,} test images are recognised"
    return f"no test image of {images:,} is taken for another class by most of {len(guesses)} seeds"


def _small_print(
    runs: Sequence[RunRecord],
    shown: Sequence[RunRecord],
    guesses: Predictions,
    pictures: int,
    mistakes: int,
) -> list[str]:
    several = len(shown) > 1
    rates = len(by_setting(runs))
    choice = f", which has the best validation accuracy of {rates}" if rates > 1 else ""
    who = f"that most of {len(shown)} seeds get wrong" if several else "that it gets wrong"
    which = "the wrong class that most seeds name" if several else "what the model takes it for"
    mean = ", the mean over all seeds, and how many of them get it wrong" if several else ""
    return [
        f"Above each image its class; below, {which}, with its probability{mean}. Of the "
        f"{mistakes:,} of {len(guesses.label):,} test images {who}, the {pictures} with the "
        "greatest such probability. Labels of a test set can be wrong themselves (Northcutt et al. "
        "2021).",
        f"Learning rate {shown[0].lr}{choice}; {seeds_in_words(shown)}. "
        f"{SIDE} × {SIDE} pixels, enlarged smoothly.",
    ]
