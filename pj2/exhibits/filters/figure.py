"""The filters of a model's first convolution, as images."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from safetensors import SafetensorError, safe_open

from pj2.errors import UserError
from pj2.exhibits import style
from pj2.language import tr
from pj2.runs.reading import PathLike, choosing_in_words, chosen_run, load_runs, one_model

_CELL = 12  # pixels of the mosaic per weight
_GAP = 4


@style.styled
def plot_filters(index_paths: Iterable[PathLike], stem: PathLike) -> None:
    """Draw every first-layer filter of a model's chosen run in true colour.

    The weights, [out, 3, k, k] or [out, 1, k, k] at the best epoch, share one scale: zero is
    mid-grey, and the largest magnitude of the layer is 0 or 255. Raises UserError if the runs are
    not of one model or the weights have another shape.
    """
    runs = load_runs(index_paths)
    model = one_model(runs)
    run = chosen_run(runs)
    if run.best_epoch is None:
        style.save_placeholder(tr("{model}: no run finished an epoch", model=model), stem)
        return
    key = run.info["first_conv"]
    if key is None:
        nothing = tr("{model} has no convolution, and so no filters", model=model)
        style.save_placeholder(nothing, stem)
        return
    weights = _read_tensor(run.folder / "best.safetensors", key)
    out, channels, *kernel = weights.shape
    scale = float(np.abs(weights).max()) or 1.0
    columns = 16 if out > 32 else 8
    mosaic = _mosaic(0.5 + 0.5 * weights / scale, columns)

    figure = style.new_figure(1.2 + 5.8 * mosaic.shape[0] / mosaic.shape[1])
    axes, bar = figure.subplots(1, 2, width_ratios=(40, 1))
    _draw_filters(axes, mosaic, range(0, out, columns))
    _draw_scale(bar, scale)
    for part in (axes, bar):
        style.bare(part)
    shape = f"{channels} × {kernel[0]} × {kernel[1]}"
    figure.suptitle(
        tr("{model}: {n} first-layer filters, {shape}", model=model, n=out, shape=shape)
    )
    shown = {"key": key, "lr": run.lr, "seed": run.seed, "epoch": run.best_epoch + 1}
    style.note(
        figure,
        tr(
            "{key} of the run with learning rate {lr}, seed {seed}, best {accuracy} of {runs} "
            "runs; weights of epoch {epoch}, in the layer's order.",
            **shown,
            runs=len(runs),
            accuracy=choosing_in_words(runs),
        )
        if len(runs) > 1
        else tr(
            "{key} of the run with learning rate {lr}, seed {seed}; weights of epoch {epoch}, in "
            "the layer's order.",
            **shown,
        ),
        tr(
            "One scale for all filters and channels: 0 is mid-grey, ±{scale:.3g} (the largest "
            "magnitude) is full or no intensity.",
            scale=scale,
        ),
    )
    style.save(figure, stem)


def _draw_filters(axes: Axes, mosaic: np.ndarray, first: range) -> None:
    """Draw the mosaic, with the number of the first filter beside each row."""
    axes.imshow(mosaic, interpolation="nearest")
    axes.set_xticks([])
    middles = (np.arange(len(first)) + 0.5) * len(mosaic) / len(first)
    axes.set_yticks(middles, list(map(str, first)))
    axes.set_ylabel(tr("filter number"))


def _draw_scale(bar: Axes, scale: float) -> None:
    bar.imshow(np.linspace(1, 0, 256)[:, None], cmap="gray", aspect="auto", extent=(0, 1, -1, 1))
    bar.set_xticks([])
    bar.set_yticks([-1, 0, 1], [f"−{scale:.3g}", "0", f"{scale:.3g}"])
    bar.yaxis.tick_right()


def _mosaic(filters: np.ndarray, columns: int) -> np.ndarray:
    """Tile filters [out, 1 or 3, k, k], 0 to 1, into one white image [H, W, 3], row by row."""
    images = np.moveaxis(filters, 1, -1).repeat(_CELL, axis=1).repeat(_CELL, axis=2)
    images = np.broadcast_to(images, (*images.shape[:-1], 3))
    half = _GAP // 2
    images = np.pad(
        images, ((0, -len(images) % columns), (half, half), (half, half), (0, 0)),
        constant_values=1.0,
    )  # fmt: skip
    rows = len(images) // columns
    _, height, width, _ = images.shape
    grid = images.reshape(rows, columns, height, width, 3).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width, 3)


def _read_tensor(path: Path, key: str) -> np.ndarray:
    """Read the weights of a convolution over one or three channels from a safetensors file."""
    try:
        with safe_open(path, framework="numpy") as file:
            tensor: np.ndarray = file.get_tensor(key).astype(np.float64)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    except SafetensorError as error:
        raise UserError(f"{path}: {key}: {error}") from None
    if tensor.ndim != 4 or tensor.shape[1] not in (1, 3):
        raise UserError(
            f"{path}: {key} has shape {list(tensor.shape)}; filters that can be shown as images "
            "have [out, 3, k, k] or [out, 1, k, k]"
        )
    return tensor
