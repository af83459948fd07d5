"""The Hessian of a trained model's loss on a fixed part of its training images."""

from __future__ import annotations

import math
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch

from pj2.config.schema import CurvatureConfig
from pj2.config.study import RunSettings
from pj2.data.prepared import PreparedData
from pj2.data.randomness import derive_seed
from pj2.evaluation.normalisation import even_parts, measured_models, measured_score
from pj2.evaluation.surface import sample_images
from pj2.geometry.curvature import Curvature, measure_curvature
from pj2.models.conv import use_plain_convolutions

_NOTHING: dict[str, Any] = {field.name: [] for field in fields(Curvature)} | {"parameters": 0}


def curvature_of(
    weights: Path,
    settings: RunSettings,
    data: PreparedData,
    config: CurvatureConfig,
    device: torch.device,
) -> list[dict[str, Any]]:
    """Measure the curvature at some weights, in fp32 and eval mode.

    Returns:
        For each of BatchNorm's statistics (see `measured_models`) ``statistics``, the ``loss``
        on the images, and the fields of `pj2.geometry.curvature.Curvature`. A loss that is not
        finite, as at the last weights of a diverged run, is None, and the lists are empty.
    """
    images = sample_images(data, settings, "train", config.images, device)
    batches = [
        batch
        for part in even_parts(images, config.batch_size)
        for batch in part.in_order(len(part))
    ]
    models = measured_models(weights, settings, len(data.classes), device, config.statistics)
    found = []
    for statistics, model in models.items():
        use_plain_convolutions(model)
        loss = measured_score(model, statistics, images, config.batch_size).loss
        measured = (
            measure_curvature(
                model,
                batches,
                config.eigenvalues,
                config.vectors,
                config.lanczos_steps,
                derive_seed(config.seed, "curvature"),
            )
            if math.isfinite(loss)
            else None
        )
        found.append(
            {"statistics": statistics, "loss": loss if math.isfinite(loss) else None}
            | (asdict(measured) if measured else _NOTHING)
        )
    return found
