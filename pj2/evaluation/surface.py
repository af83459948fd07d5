"""The loss around trained weights, and on the line between two (Li et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from pj2.config.schema import SurfaceConfig
from pj2.config.study import RunSettings
from pj2.data.batches import ImageSet
from pj2.data.prepared import PreparedData
from pj2.data.randomness import derive_seed
from pj2.data.split import stratified_sample, stratified_split
from pj2.evaluation.evaluate import Score, score
from pj2.evaluation.weights import load_trained, read_weights
from pj2.geometry.directions import random_direction

GRID_SCHEMA = pa.schema(
    [
        ("row", pa.int32()),
        ("column", pa.int32()),
        ("alpha", pa.float64()),
        ("beta", pa.float64()),
        ("loss", pa.float64()),
        ("accuracy", pa.float64()),
    ]
)
LINE_SCHEMA = pa.schema(
    [("alpha", pa.float64()), ("loss", pa.float64()), ("accuracy", pa.float64())]
)
_BATCH = 250


def coordinates(reach: float, points: int) -> np.ndarray:
    """Return evenly spaced coordinates from -reach to reach; the middle one is exactly 0."""
    half = points // 2
    return np.arange(-half, half + 1) * (reach / half)


def sample_images(
    data: PreparedData, settings: RunSettings, split: str, count: int, device: torch.device
) -> ImageSet:
    """Return a fixed, class-balanced part of a run's training or validation images."""
    kept, held_out = stratified_split(data.train_labels, settings.validation_fraction)
    chosen = kept if split == "train" else held_out
    part = chosen[stratified_sample(data.train_labels[chosen], count)]
    return data.train.subset(part).to(device)


class Surroundings:
    """A trained model that can be moved off its weights and looked at, in fp32 and eval mode.

    BatchNorm keeps the running statistics of the trained weights, and its
    parameters and all biases stay where they are, as the method's authors do
    in their code; what moves are the weights of convolutions and of fully
    connected layers.

    Args:
        weights: a safetensors file of the model in `settings`.
        config: which images, and the seed of the directions.
    """

    def __init__(
        self,
        weights: Path,
        settings: RunSettings,
        data: PreparedData,
        config: SurfaceConfig,
        device: torch.device,
    ) -> None:
        self._model = load_trained(weights, settings, len(data.classes), device)
        self._images = sample_images(data, settings, config.split, config.images, device)
        self._centre = [parameter.detach().clone() for parameter in self._model.parameters()]
        self._directions = [
            random_direction(self._centre, derive_seed(config.seed, "direction", axis))
            for axis in range(2)
        ]

    def score_at(self, alpha: float, beta: float) -> Score:
        """Return loss and accuracy at the weights plus alpha and beta times the directions."""
        parts = zip(self._model.parameters(), self._centre, *self._directions, strict=True)
        with torch.no_grad():
            for parameter, centre, first, second in parts:
                parameter.copy_(centre + alpha * first + beta * second)
        return score(self._model, self._images)


def surface_rows(around: Surroundings, config: SurfaceConfig, first: int, count: int) -> pa.Table:
    """Return the scores of some rows of the grid; in a row beta is the same.

    Columns: row and column (0-based), alpha, beta, loss (nats), accuracy (0 to 1).
    """
    places = coordinates(config.range, config.points)
    rows = []
    for row in range(first, min(first + count, config.points)):
        for column, alpha in enumerate(places.tolist()):
            measured = around.score_at(alpha, float(places[row]))
            rows.append((row, column, alpha, float(places[row]), measured.loss, measured.accuracy))
    return _table(rows, GRID_SCHEMA)


def surface_line(around: Surroundings, config: SurfaceConfig) -> pa.Table:
    """Return the scores along the first direction. Columns: alpha, loss, accuracy."""
    rows = []
    for alpha in coordinates(config.range, config.line_points).tolist():
        measured = around.score_at(alpha, 0.0)
        rows.append((alpha, measured.loss, measured.accuracy))
    return _table(rows, LINE_SCHEMA)


def interpolate(
    ends: tuple[Path, Path],
    settings: RunSettings,
    data: PreparedData,
    config: SurfaceConfig,
    device: torch.device,
) -> pa.Table:
    """Return the scores on the straight line between two trained models, alpha from 0 to 1.

    At every point the running statistics of BatchNorm are estimated anew from
    the images, without augmentation: neither end's belong to a model between
    (Izmailov et al. 2018, section 3.2). Columns: alpha, loss, accuracy.
    """
    model = load_trained(ends[0], settings, len(data.classes), device)
    first, second = (read_weights(end, model) for end in ends)
    images = sample_images(data, settings, config.split, config.images, device)
    rows = []
    for alpha in np.linspace(0.0, 1.0, config.line_points).tolist():
        model.load_state_dict(_between(first, second, alpha))
        _estimate_statistics(model, images)
        measured = score(model, images)
        rows.append((alpha, measured.loss, measured.accuracy))
    return _table(rows, LINE_SCHEMA)


def _between(
    first: Mapping[str, Tensor], second: Mapping[str, Tensor], alpha: float
) -> dict[str, Tensor]:
    return {
        name: torch.lerp(value, second[name], alpha) if value.is_floating_point() else value
        for name, value in first.items()
    }


def _estimate_statistics(model: nn.Module, images: ImageSet) -> None:
    batches = (inputs for inputs, _ in images.in_order(_BATCH))
    with torch.random.fork_rng(devices=[]):  # dropout draws
        update_bn(batches, model)


def _table(rows: Sequence[tuple[float, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    return pa.table(
        [pa.array(values, kind) for values, kind in zip(columns, schema.types, strict=True)],
        schema=schema,
    )
