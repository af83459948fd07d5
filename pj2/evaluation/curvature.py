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
from pj2.evaluation.evaluate import score
from pj2.evaluation.surface import sample_images
from pj2.evaluation.weights import load_trained
from pj2.geometry.curvature import Curvature, measure_curvature
from pj2.models.conv import use_plain_convolutions

_BATCH = 250
_NOTHING: dict[str, list[float]] = {field.name: [] for field in fields(Curvature)}


def curvature_of(
    weights: Path,
    settings: RunSettings,
    data: PreparedData,
    config: CurvatureConfig,
    device: torch.device,
) -> dict[str, Any]:
    """Measure the curvature at some weights, in fp32 and eval mode.

    Returns:
        ``loss`` and ``accuracy`` on the images, and the fields of
        `pj2.geometry.curvature.Curvature` as lists. What is not finite, as at the last weights
        of a run that diverged, is None, and then the lists are empty.
    """
    model = load_trained(weights, settings, len(data.classes), device).eval()
    images = sample_images(data, settings, "train", config.images, device)
    scored = score(model, images)
    if not math.isfinite(scored.loss):
        return {"loss": None, "accuracy": None, **_NOTHING}
    use_plain_convolutions(model)
    measured = measure_curvature(
        model,
        list(images.in_order(_BATCH)),
        config.eigenvalues,
        config.trace_vectors,
        config.lanczos_steps,
        derive_seed(config.seed, "curvature"),
    )
    lists = (
        {name: value.tolist() for name, value in asdict(measured).items()} if measured else _NOTHING
    )
    return {"loss": scored.loss, "accuracy": scored.accuracy, **lists}
