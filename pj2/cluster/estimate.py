"""Estimates of the memory and time that a run takes, on the safe side.

The weights, layer outputs and operations of each model are counted on torch's meta device,
without computing anything. The rest are rules of thumb; docs/log/store.md compares those for
memory with measurements.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pj2.config.datasets import DATASETS
from pj2.config.names import canonical_json
from pj2.config.schema import DatasetConfig, OptimizerConfig
from pj2.config.study import RunSettings

if TYPE_CHECKING:
    from torch import nn

_BASE = 1_000_000_000  # bytes of a job of the smallest model: Python, torch and its libraries
_COPIES = 9  # of the weights, in memory: the model, best, last, gradients, and buffers to write
_KEPT = 1.5  # times the layers' outputs: those kept for the backward pass, and their gradients
_PACE = 15e9  # multiply-accumulates a second: a core of an old processor, in fp32
_GPU_PACE = 300e9  # a small GPU that several runs share
_START = 10  # minutes until the first step, and after the last one
_EVALUATED = 1.2  # times the training: evaluation of the other splits after every epoch
_UNKNOWN = 60_000  # training images of a data set that is not counted yet


@dataclass(frozen=True)
class ModelSize:
    """Bytes in fp32 of all ``weights``; for one image, bytes of all ``outputs``, and ``macs``.

    ``layers`` counts those whose covariate shift a probe measures.
    """

    weights: int
    outputs: int
    macs: int
    layers: int


def job_bytes(settings: RunSettings) -> int:
    """Return about how much memory training a run takes on a CPU, in fp32."""
    model = size_of(settings)
    copies = _COPIES + states(settings.optimizer)
    return round(_BASE + copies * model.weights + _KEPT * settings.batch_size * model.outputs)


def job_minutes(settings: RunSettings, dataset: DatasetConfig, gpu: bool = False) -> int:
    """Return about how long training a run takes at most, on a core of an old processor."""
    model, probe = size_of(settings), settings.probe
    passes = 3.0  # forward, and twice as much backward
    if probe:
        points = 1 + probe.steps * len(probe.along)
        # For the shift of a layer: forward, and backward as far as the layer.
        more = 2 * model.layers * probe.covariate_shift + probe.moments
        passes += (3 * points + more) / probe.every
    images = settings.epochs * _training_images(dataset)
    pace = _GPU_PACE if gpu else _PACE
    seconds = _EVALUATED * passes * images * model.macs / pace
    return math.ceil(_START + seconds / 60)


def states(optimizer: OptimizerConfig) -> int:
    """Return the size of an optimizer's state, as a multiple of the weights' size."""
    return int(optimizer.options["momentum"] > 0) if optimizer.name == "sgd" else 2


def size_of(settings: RunSettings) -> ModelSize:
    """Count the weights, layer outputs and operations of a run's model."""
    return _measured(settings.model, canonical_json(settings.architecture))


def _training_images(dataset: DatasetConfig) -> int:
    facts, limit = DATASETS.get(dataset.name), dataset.limit.train
    if facts is None:
        return limit or _UNKNOWN
    return min(limit or facts.train_images, facts.train_images)


@cache
def _measured(model: str, architecture: str) -> ModelSize:
    import torch

    from pj2.models.inspect import count_macs
    from pj2.models.registry import build_model
    from pj2.training.probing import weight_layers

    outputs = 0

    def add(module: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal outputs
        if isinstance(output, torch.Tensor):
            outputs += output.numel() * output.element_size()
        elif isinstance(output, tuple | list):
            for part in output:
                add(module, inputs, part)

    with torch.device("meta"), torch.no_grad():
        built = build_model(model, 10, architecture=json.loads(architecture)).eval()
        macs = count_macs(built)
        for module in built.modules():
            if not list(module.children()):
                module.register_forward_hook(add)
        built(torch.empty(1, 3, 32, 32))
    weights = sum(each.numel() * each.element_size() for each in built.state_dict().values())
    return ModelSize(weights, outputs, macs, len(weight_layers(built)))
