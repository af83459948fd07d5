"""Which precision a run computes in: fp32, or bfloat16 where it pays."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F

from pj2.config.study import RunSettings
from pj2.models.registry import build_model
from pj2.training.forward import Forward
from pj2.training.optimizer import make_optimizer

# bfloat16 must be this many times as fast on a CPU, or the run stays in fp32: a gain
# that noise could feign would let runs of one study differ for nothing.
MARGIN = 1.25
# A few steps of few images tell the two apart, and cost a run a second or two.
_STEPS = 5
_IMAGES = 32


@dataclass(frozen=True)
class Precision:
    """What was asked for, what is used, and what the choice rests on.

    ``speedup``: a step's processor time in fp32 over that in bf16, where they were timed.
    """

    asked: str
    used: str
    speedup: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it for `run.json`."""
        return asdict(self)


def choose_precision(settings: RunSettings, classes: int, device: torch.device) -> Precision:
    """Return the precision that a run computes in.

    ``auto`` takes bf16 on a GPU that has it, and fp32 on Apple's. On a CPU with
    bfloat16 instructions a few steps of both are timed, and bf16 is taken where
    it is at least `MARGIN` times as fast.
    """
    asked = settings.precision
    if asked != "auto":
        return Precision(asked, asked)
    if device.type == "cuda":
        has = torch.cuda.is_bf16_supported(including_emulation=False)
        return Precision(asked, "bf16" if has else "fp32")
    if device.type != "cpu" or not _cpu_has_bfloat16():
        return Precision(asked, "fp32")
    speedup = _time_steps(settings, classes)
    return Precision(asked, "bf16" if speedup >= MARGIN else "fp32", round(speedup, 2))


def _cpu_has_bfloat16() -> bool:
    # Where it is emulated, a single step may take minutes: not even to be tried.
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _time_steps(settings: RunSettings, classes: int) -> float:
    """Return how many times as fast as in fp32 a training step is in bf16, on random images.

    The processor's time is compared, and the least of each: other jobs on the
    machine should not decide.
    """
    count = min(settings.batch_size, _IMAGES)
    source = torch.Generator().manual_seed(0)
    images = torch.randn(count, 3, 32, 32, generator=source)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, classes, (count,), generator=source)
    model = build_model(settings.model, classes, architecture=settings.architecture)
    model.to(memory_format=torch.channels_last)
    optimizer = make_optimizer(model.parameters(), settings.optimizer, settings.learning_rate)
    seconds: dict[str, list[float]] = {"fp32": [], "bf16": []}
    with torch.random.fork_rng(devices=[]):  # dropout draws
        for _ in range(_STEPS):
            for precision, measured in seconds.items():
                started = time.process_time()
                loss = F.cross_entropy(Forward(model, precision)(images), labels)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                measured.append(time.process_time() - started)
    return min(seconds["fp32"]) / min(seconds["bf16"])
