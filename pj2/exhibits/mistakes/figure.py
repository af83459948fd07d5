"""The figure of a model's most confident mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from safetensors import SafetensorError, safe_open

from pj2.data.layout import IMAGES_FILE, SIDE
from pj2.errors import UserError
from pj2.exhibits import letters, style
from pj2.exhibits.cautions import chosen_by_test, diverged_runs
from pj2.exhibits.mistakes.numbers import Mistake, confident_mistakes
from pj2.language import tr
from pj2.runs.reading import (
    PathLike,
    Predictions,
    RunRecord,
    chosen_setting,
    load_runs,
    one_model,
    setting_in_words,
    tested,
)

_MOST = 24
_COLUMNS = 6
_LETTERS = 18  # in a line under a picture, at its usual size


@style.styled
def plot_mistakes(index_paths: Iterable[PathLike], data: Path, stem: PathLike) -> None:
    """Show the test images that a model gets wrong with the greatest probability, at most 24.

    The model is shown at its chosen learning rate; with several seeds only images count that most
    of them get wrong, see `pj2.exhibits.mistakes.numbers.confident_mistakes`. `data` is the
    folder of the prepared data set. Raises UserError if the runs are not of one model, or if the
    predictions belong to other data.
    """
    runs = load_runs(index_paths)
    model = one_model(runs)
    setting = chosen_setting(runs)
    seen = tested(setting)
    if not seen:
        style.save_placeholder(tr("{model}: no run finished an epoch", model=model), stem)
        return
    shown, guesses = zip(*seen, strict=True)
    mistakes = confident_mistakes(guesses)
    if not mistakes:
        style.save_placeholder(_nobody(model, guesses), stem)
        return
    surest = mistakes[:_MOST]
    pictures = read_pictures(data / IMAGES_FILE, guesses[0], [mistake.index for mistake in surest])
    rows = -(-len(surest) // _COLUMNS)
    figure = style.new_figure(0.85 + 1.56 * rows)
    grid = figure.subplots(rows, _COLUMNS, squeeze=False)
    for axes, mistake, picture in zip(grid.flat, surest, pictures, strict=False):
        _draw(axes, mistake, picture, len(shown))
    for axes in grid.flat[len(surest) :]:
        axes.set_axis_off()
    figure.suptitle(tr("{model}: its most confident mistakes", model=model))
    style.note(
        figure,
        *_small_print(runs, shown, guesses[0], len(surest), len(mistakes)),
        diverged_runs(setting),
        chosen_by_test(shown),
    )
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
                shape != [len(labels), SIDE, SIDE, 3]
                or not known.all()
                or not np.array_equal(labels[predictions.index], predictions.label)
            ):
                raise UserError(f"{path}: not the images that these predictions are of")
            pictures = [images[place : place + 1] for place in index]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    except SafetensorError as error:
        raise UserError(f"{path}: not a prepared data set: {error}") from None
    return np.concatenate(pictures)


def _draw(axes: Axes, mistake: Mistake, picture: np.ndarray, seeds: int) -> None:
    axes.imshow(picture, interpolation="hanning")
    style.bare(axes)
    axes.set(xticks=[], yticks=[])
    how_sure = f"{100 * mistake.probability:.1f} %"
    if seeds > 1:
        how_sure = tr(
            "{percent}, {wrong}/{n} seeds", percent=how_sure, wrong=mistake.wrong, n=seeds
        )
    below = f"→ {mistake.predicted}\n{how_sure}"
    axes.set_title(mistake.true, fontsize=_size(mistake.true), pad=3)
    axes.set_xlabel(below, fontsize=_size(below), labelpad=3)


def _size(text: str) -> float:
    """Return the font size in points at which the longest line of a text fits under a picture."""
    return 8.0 * min(1.0, _LETTERS / max([1, *map(letters.width, text.splitlines())]))


def _nobody(model: str, guesses: Sequence[Predictions]) -> str:
    """Return a sentence for a model without a mistake."""
    images = len(guesses[0].label)
    if len(guesses) == 1:
        return tr("{model}: all {images:,} test images are recognised", model=model, images=images)
    return tr(
        "{model}: none of {images:,} test images is misclassified by most of {seeds} seeds",
        model=model, images=images, seeds=len(guesses),
    )  # fmt: skip


def _small_print(
    runs: Sequence[RunRecord],
    shown: Sequence[RunRecord],
    guesses: Predictions,
    pictures: int,
    mistakes: int,
) -> list[str]:
    counts = {"mistakes": mistakes, "images": len(guesses.label), "pictures": pictures}
    return [
        tr(
            "Above: the class. Below: the wrong class that most seeds name, its mean probability, "
            "and the number of seeds that are wrong. Of {images:,} test images, most of {seeds} "
            "seeds get {mistakes:,} wrong; these {pictures} have the greatest such probability.",
            **counts,
            seeds=len(shown),
        )
        if len(shown) > 1
        else tr(
            "Above: the class. Below: the predicted class and its probability. Of {images:,} test "
            "images, the model gets {mistakes:,} wrong; these {pictures} have the greatest such "
            "probability.",
            **counts,
        ),
        tr("Labels of a test set can be wrong themselves (Northcutt et al. 2021)."),
        tr(
            "{setting}. {side} × {side} pixels, enlarged smoothly.",
            setting=setting_in_words(shown, runs),
            side=SIDE,
        ),
    ]
