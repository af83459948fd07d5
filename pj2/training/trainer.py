"""The computation of one epoch; a run's fingerprint contains the digest of this code.

It combines model, data, optimizer and randomness. Files, progress and early
stopping are elsewhere, so that changing them trains nothing again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pj2.config.study import RunSettings
from pj2.data.batches import batch_bounds
from pj2.data.prepared import PreparedData
from pj2.data.randomness import derive_seed
from pj2.data.split import stratified_split
from pj2.evaluation.evaluate import Score, score
from pj2.models.inspect import count_macs, count_parameters, first_convolution
from pj2.models.registry import build_model
from pj2.training.forward import Forward
from pj2.training.graphs import Logits, with_cuda_graph
from pj2.training.loop import EpochResult, Learner, PartialEpoch, never, train_epoch
from pj2.training.observers import Observers
from pj2.training.optimizer import make_optimizer


class Trainer:
    """A model between two epochs of its training.

    What epoch ``n`` computes depends on the settings, the data, the state
    after epoch ``n - 1`` and nothing else: all randomness is drawn from
    streams of (seed, purpose, epoch). It computes in fp32 unless `compute_in` changes that.

    Raises:
        UserError: if the validation split cannot be made.
    """

    def __init__(self, settings: RunSettings, data: PreparedData, device: torch.device) -> None:
        self.settings = settings
        kept, held_out = stratified_split(data.train_labels, settings.validation_fraction)
        self.train = data.train.subset(kept).to(device)
        self.validation = data.train.subset(held_out).to(device)
        self.test = data.test.to(device)
        self._classes = len(data.classes)
        model = self._initial_model()
        self._macs = count_macs(model)
        self.model = model.to(device).to(memory_format=torch.channels_last)
        self.optimizer = make_optimizer(
            self.model.parameters(), settings.optimizer, settings.learning_rate
        )
        self.forward = Forward(self.model, "fp32")
        self.epoch = 0
        self._partial: PartialEpoch | None = None
        self._logits_of: Logits | None = None

    @property
    def steps_per_epoch(self) -> int:
        """How many batches a whole epoch has."""
        return len(batch_bounds(len(self.train), self.settings.batch_size))

    def compute_in(self, precision: str) -> None:
        """Set the precision of forward and backward passes, before the first step."""
        self.forward.precision = precision

    def facts(self) -> dict[str, Any]:
        """Return the model's facts for tables: parameters, MACs, first convolution."""
        return {
            "parameters": count_parameters(self.model),
            "macs": self._macs,
            "first_conv": first_convolution(self.model),
        }

    def train_epoch(
        self,
        observers: Observers = (),
        interrupted: Callable[[], bool] = never,
    ) -> EpochResult | PartialEpoch:
        """Train the next epoch, or the rest of an interrupted one."""
        learner = Learner(self.model, self._logits_of or self._prepare_forward(), self.optimizer)
        result = train_epoch(
            learner, self.train, self.settings, self.epoch, observers, self._partial, interrupted
        )
        self._partial = None
        if isinstance(result, EpochResult):
            self.epoch += 1
        return result

    def evaluate(self) -> tuple[Score | None, Score | None] | None:
        """Score the validation split, if there is one, and the test split, if it is asked for.

        Returns None if a weight or a loss is not finite: the run has diverged since the
        last training loss, and an accuracy would be that of chance.
        """
        if not all(value.isfinite().all() for value in self.model.state_dict().values()):
            return None
        tested = score(self.forward, self.test) if self.settings.test_every_epoch else None
        validated = score(self.forward, self.validation) if len(self.validation) else None
        if not all(math.isfinite(each.loss) for each in (validated, tested) if each):
            return None
        return validated, tested

    def weights(self) -> dict[str, Tensor]:
        """Copy the model's weights to the CPU, in the default memory order."""
        return _snapshot(self.model)

    def initial_weights(self) -> dict[str, Tensor]:
        """Return the weights before the first step."""
        return _snapshot(self._initial_model())

    def optimizer_state(self) -> dict[str, Tensor]:
        """Copy the optimizer's state to the CPU, as ``<parameter index>.<name>``."""
        return {
            f"{index}.{name}": value.detach().cpu().contiguous()
            for index, state in self.optimizer.state_dict()["state"].items()
            for name, value in state.items()
            if value is not None
        }

    def restore(
        self,
        epoch: int,
        weights: Mapping[str, Tensor],
        optimizer_state: Mapping[str, Tensor],
        partial: PartialEpoch | None,
    ) -> None:
        """Restore the state after `epoch` whole epochs and the steps of `partial`."""
        self.model.load_state_dict(weights)
        parameters = list(self.model.parameters())
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in optimizer_state.items():
            index, _, name = key.partition(".")
            like = parameters[int(index)]
            # Fused updates run through memory: moments need their parameter's memory format.
            if value.shape == like.shape:
                value = torch.empty_like(like).copy_(value)
            state.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.epoch, self._partial = epoch, partial

    def _prepare_forward(self) -> Logits:
        """Return the forward pass of a training step; on CUDA with a graph, where one works."""
        self._logits_of = self.forward
        size = self.settings.batch_size
        if self.train.labels.device.type == "cuda" and len(self.train) >= size:
            images, labels = next(self.train.in_order(size))
            self._logits_of = with_cuda_graph(self.forward.train(), images, labels)
        return self._logits_of

    def _initial_model(self) -> nn.Module:
        return build_model(
            self.settings.model,
            num_classes=self._classes,
            init=self.settings.init,
            seed=derive_seed(self.settings.seed, "init"),
            architecture=self.settings.architecture,
        )


def _snapshot(model: nn.Module) -> dict[str, Tensor]:
    return {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in model.state_dict().items()
    }
