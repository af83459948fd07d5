"""The training part of an epoch: our engine, the plain loop, and the bare step, which is the limit.

Each repeat calls two waiting processes in turn. One has the plain loop, in the users'
environment; the other has our engine and the bare step, in the environment of our jobs. All use
one CPU thread, or the GPU.

    python -m benchmarks.engine plain|engine MODEL BATCHES [PRECISION ...]
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F

from benchmarks.measure import Measurement, environment, interleave
from benchmarks.plain_loop import PlainLoop
from benchmarks.workload import BATCH, BATCHES, prepared, settings_of
from pj2.models.registry import build_model
from pj2.training.device import choose_device, prepare_device
from pj2.training.forward import Forward
from pj2.training.optimizer import make_optimizer
from pj2.training.trainer import Trainer

PART = "Training, images per second"
HUGE_PAGES = "glibc.malloc.hugetlb=1"


def measure(models: list[str], repeats: int, batches: int | None = None) -> Iterator[Measurement]:
    """Compare the three, model by model, in fp32 and, if the hardware supports it, in bf16."""
    precisions = ["fp32", "bf16"] if _has_bf16() else ["fp32"]
    for model in models:
        count = batches or BATCHES[model] * (20 if torch.cuda.is_available() else 1)
        plain = Worker(["plain", model, str(count)], {"GLIBC_TUNABLES": ""})
        ours = Worker(["engine", model, str(count), *precisions], {"GLIBC_TUNABLES": HUGE_PAGES})
        variants: dict[str, Callable[[], float]] = {"plain loop": partial(plain.ask, "plain")}
        for precision in precisions:
            for kind in ("ours", "bare step"):
                variants[f"{kind} {precision}"] = partial(ours.ask, f"{kind} {precision}")
        for variant in variants.values():  # one untimed round, to warm up
            variant()
        compare = [(f"ours {p}", f"bare step {p}") for p in precisions]
        compare += [(f"ours {p}", "plain loop") for p in precisions]
        yield Measurement(PART, model, "images/s", interleave(variants, repeats), compare)
        plain.close()
        ours.close()


class Worker:
    """A process that waits, runs one repeat on request, and reports its speed."""

    def __init__(self, arguments: list[str], variables: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.engine", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(**variables),
        )  # fmt: skip

    def ask(self, variant: str) -> float:
        """Return the images per second of one repeat."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{variant}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process for {variant} ended; see above")
        return float(answer)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def serve(kind: str, model: str, batches: int, precisions: list[str]) -> None:
    """Read requests from stdin, one line per repeat, and answer on stdout."""
    device = choose_device("auto")
    count = batches * BATCH
    actions: dict[str, Callable[[], object]] = {}
    if kind == "plain":
        torch.set_num_threads(1)
        actions["plain"] = PlainLoop(model, count, device).epoch
    else:
        prepare_device(device, 1)
        for precision in precisions:
            actions[f"ours {precision}"] = _ours(model, count, precision, device)
            actions[f"bare step {precision}"] = _bare(model, batches, precision, device)
    for line in sys.stdin:
        started = time.perf_counter()
        actions[line.strip()]()
        if device.type == "cuda":
            torch.cuda.synchronize()
        print(count / (time.perf_counter() - started), flush=True)


def _ours(model: str, count: int, precision: str, device: torch.device) -> Callable[[], object]:
    trainer = Trainer(settings_of(model), prepared(count * 10 // 9 + 20), device)
    trainer.train = trainer.train.subset(torch.arange(count, device=device))
    trainer.compute_in(precision)
    return trainer.train_epoch


def _bare(model: str, batches: int, precision: str, device: torch.device) -> Callable[[], object]:
    settings = settings_of(model)
    network = build_model(model, 10, settings.init).to(device).to(memory_format=torch.channels_last)
    optimizer = make_optimizer(network.parameters(), settings.optimizer, settings.learning_rate)
    forward = Forward(network, precision).train()
    images, labels = next(prepared(BATCH).train.to(device).in_order(BATCH))

    def steps() -> None:
        for _ in range(batches):
            loss = F.cross_entropy(forward(images), labels, **settings.loss.options)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return steps


def _has_bf16() -> bool:
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])
