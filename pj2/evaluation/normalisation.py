"""A trained model as it is measured: in eval mode, with one kind of BatchNorm statistics."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import replace_all_batch_norm_modules_

from pj2.config.study import RunSettings
from pj2.data.batches import ImageSet
from pj2.evaluation.evaluate import Score, score
from pj2.evaluation.weights import load_trained


def measured_models(
    weights: Path,
    settings: RunSettings,
    classes: int,
    device: torch.device,
    statistics: Sequence[str],
) -> dict[str, nn.Module]:
    """Return a trained model in eval mode for each of the statistics, ``running`` or ``batch``.

    In eval mode nothing is dropped and no noise is added. With ``batch``, BatchNorm normalises
    with the mean and the variance of the batch that it is given, and keeps no running ones.
    A network without BatchNorm is one model, under the name ``none``.
    """
    model = load_trained(weights, settings, classes, device).eval()
    if not any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in model.modules()):
        return {"none": model}
    models = {kind: copy.deepcopy(model) for kind in statistics}
    if "batch" in models:
        replace_all_batch_norm_modules_(models["batch"])
    return models


def even_parts(images: ImageSet, most: int) -> list[ImageSet]:
    """Return a set of images in parts of at most `most`, whose sizes differ by one at most."""
    rows = torch.arange(len(images))
    return [images.subset(part) for part in rows.tensor_split(-(-len(images) // most))]


def measured_score(model: nn.Module, statistics: str, images: ImageSet, batch_size: int) -> Score:
    """Evaluate one of the `measured_models`; with ``batch``, in batches of up to `batch_size`."""
    if statistics != "batch":
        return score(model, images)
    parts = even_parts(images, batch_size)
    scores, sizes = [_score_batch(model, part) for part in parts], [len(part) for part in parts]
    return Score(
        float(np.average([each.loss for each in scores], weights=sizes)),
        float(np.average([each.accuracy for each in scores], weights=sizes)),
    )


def _score_batch(model: nn.Module, images: ImageSet) -> Score:
    with torch.inference_mode():
        ((inputs, labels),) = images.in_order(len(images))
        logits, labels = model(inputs).cpu().double(), labels.cpu()
    loss = F.cross_entropy(logits, labels).item()
    return Score(loss, (logits.argmax(1) == labels).double().mean().item())
