"""The loss around trained weights, and on the line between two (Li et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import nn

from pj2.config.schema import SurfaceConfig
from pj2.config.study import RunSettings
from pj2.data.batches import ImageSet
from pj2.data.prepared import PreparedData
from pj2.data.randomness import derive_seed
from pj2.data.split import stratified_sample, stratified_split
from pj2.evaluation.evaluate import Score
from pj2.evaluation.normalisation import measured_models, measured_score
from pj2.geometry.directions import random_direction

GRID_SCHEMA = pa.schema(
    [
        ("row", pa.int32()),
        ("column", pa.int32()),
        ("statistics", pa.string()),
        ("alpha", pa.float64()),
        ("beta", pa.float64()),
        ("loss", pa.float64()),
        ("accuracy", pa.float64()),
    ]
)
LINE_SCHEMA = pa.schema(
    [
        ("statistics", pa.string()),
        ("alpha", pa.float64()),
        ("loss", pa.float64()),
        ("accuracy", pa.float64()),
    ]
)


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
    """Scores a trained model at points around its weights, in fp32 and eval mode.

    Only the weights of convolutions and of fully connected layers move; all biases
    and BatchNorm's parameters stay, as in the code of the method's authors. BatchNorm
    normalises with its running statistics, or with those of the images.

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
        self._models = measured_models(
            weights, settings, len(data.classes), device, config.statistics
        )
        self._batch_size = config.batch_size
        self._images = sample_images(data, settings, config.split, config.images, device)
        self._centre = _copied(next(iter(self._models.values())))
        self._directions = [
            random_direction(self._centre, derive_seed(config.seed, "direction", axis))
            for axis in range(2)
        ]

    def scores_at(self, alpha: float, beta: float) -> dict[str, Score]:
        """Return loss and accuracy at the weights plus alpha and beta times the directions.

        There is one score for each of BatchNorm's statistics; see `measured_models`.
        """
        scores = {}
        for statistics, model in self._models.items():
            parts = zip(model.parameters(), self._centre, *self._directions, strict=True)
            with torch.no_grad():
                for parameter, centre, first, second in parts:
                    parameter.copy_(centre + alpha * first + beta * second)
            scores[statistics] = measured_score(model, statistics, self._images, self._batch_size)
        return scores


def surface_rows(around: Surroundings, config: SurfaceConfig, first: int, count: int) -> pa.Table:
    """Return the scores of some rows of the grid; beta is constant in a row.

    Columns: row and column (0-based), statistics, alpha, beta, loss (nats), accuracy (0 to 1).
    """
    places = coordinates(config.range, config.points)
    rows = []
    for row in range(first, min(first + count, config.points)):
        for column, alpha in enumerate(places.tolist()):
            beta = float(places[row])
            for statistics, found in around.scores_at(alpha, beta).items():
                rows.append((row, column, statistics, alpha, beta, found.loss, found.accuracy))
    return _table(rows, GRID_SCHEMA)


def surface_line(around: Surroundings, config: SurfaceConfig) -> pa.Table:
    """Return the scores along the first direction. Columns: statistics, alpha, loss, accuracy."""
    rows = []
    for alpha in coordinates(config.range, config.line_points).tolist():
        for statistics, found in around.scores_at(alpha, 0.0).items():
            rows.append((statistics, alpha, found.loss, found.accuracy))
    return _table(rows, LINE_SCHEMA)


def interpolate(
    ends: tuple[Path, Path],
    settings: RunSettings,
    data: PreparedData,
    config: SurfaceConfig,
    device: torch.device,
) -> pa.Table:
    """Return the scores on the straight line between two trained models, alpha from 0 to 1.

    BatchNorm normalises with the statistics of the images: the running ones of the ends
    do not fit a model in between (Izmailov et al. 2018, section 3.2). Columns: statistics,
    alpha, loss, accuracy.
    """
    (first, statistics), (second, _) = (
        (model, kind)
        for end in ends
        for kind, model in measured_models(
            end, settings, len(data.classes), device, ["batch"]
        ).items()
    )
    images = sample_images(data, settings, config.split, config.images, device)
    start, stop = _copied(first), _copied(second)
    rows = []
    for alpha in np.linspace(0.0, 1.0, config.line_points).tolist():
        with torch.no_grad():
            for parameter, one, other in zip(first.parameters(), start, stop, strict=True):
                parameter.copy_(torch.lerp(one, other, alpha))
        found = measured_score(first, statistics, images, config.batch_size)
        rows.append((statistics, alpha, found.loss, found.accuracy))
    return _table(rows, LINE_SCHEMA)


def _copied(model: nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    return pa.table(
        [pa.array(values, kind) for values, kind in zip(columns, schema.types, strict=True)],
        schema=schema,
    )
