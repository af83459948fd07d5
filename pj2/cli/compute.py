"""Options for where a command computes: a device, one of the machine's GPUs, CPU threads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pj2.errors import UserError

if TYPE_CHECKING:
    import torch

    from pj2.config.study import RunSettings
    from pj2.runs.derived import Predict
    from pj2.runs.plan import Machine


@dataclass(frozen=True)
class Compute:
    """Options for where to compute; torch is imported only when the device is needed."""

    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto"
    gpus: Annotated[str, typer.Option(help="auto, or indices of the GPUs to choose from: 0,2.")] = (
        "auto"
    )
    runs_per_gpu: Annotated[int, typer.Option(min=1, help="How many runs may share a GPU.")] = 2
    threads: Annotated[
        int, typer.Option(min=1, help="CPU threads; their number affects the last digits of a run.")
    ] = 1

    @cached_property
    def torch_device(self) -> torch.device:
        """The device, ready for use. A GPU is reserved before torch can see all of them."""
        self._take_gpu()
        from pj2.training.device import choose_device, prepare_device

        chosen = choose_device(self.device)
        prepare_device(chosen, self.threads)
        return chosen

    def machine(self) -> Machine:
        """Return the properties of the machine that decide the last digits of results."""
        device = self.torch_device
        from pj2.training.device import describe_machine

        return describe_machine(device)

    def predictor(self, settings: RunSettings, data: Path) -> Predict:
        """Return a function that predicts the test split of the prepared data on this device."""

        def predict_with(weights: Path, path: Path) -> None:
            print(f"predicts the test images with {weights}", flush=True)
            device = self.torch_device
            from pj2.data.open import open_prepared
            from pj2.evaluation.predict import predict

            predict(weights, settings, open_prepared(data), path, device)

        return predict_with

    def _take_gpu(self) -> None:
        from pj2.cluster.gpus import take_gpu

        if self.device not in ("auto", "cuda"):
            return
        names = self.gpus.split(",")
        if self.gpus != "auto" and not all(name.isdigit() for name in names):
            raise UserError(f"--gpus: {self.gpus} is neither auto nor indices such as 0,2")
        indices = [int(name) for name in names] if self.gpus != "auto" else None
        gpu = take_gpu(indices or "auto", self.runs_per_gpu)
        if gpu:
            print(f"on GPU {gpu.index} ({gpu.uuid})", flush=True)
