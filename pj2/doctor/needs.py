"""How much memory and disk a study takes, by an estimate that is meant to be on the safe side.

Of each model the weights and the layers' outputs are counted, without computing
anything (on torch's meta device). The rest are rules of thumb; docs/cli.md compares
them with what was measured.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pj2.config.names import canonical_json
from pj2.config.schema import OptimizerConfig
from pj2.config.study import Run, RunSettings
from pj2.doctor.finding import Finding, Subject, count, size
from pj2.doctor.limits import usable_cores, usable_memory
from pj2.doctor.places import nearest_existing, unwritable
from pj2.store.store import GENERATIONS

if TYPE_CHECKING:
    from torch import Tensor, nn

_BASE = 1_000_000_000  # bytes of a job of the smallest model: Python, torch and its libraries
_COPIES = 9  # of the weights, in memory: themselves, best, last, gradients, and to write them
_KEPT = 1.5  # times the layers' outputs: those kept for the backward pass, and their gradients


@dataclass(frozen=True)
class ModelSize:
    """Bytes in fp32: of all ``weights``, and of all layers' ``outputs`` for one image."""

    weights: int
    outputs: int


def check_disk(subject: Subject) -> Iterator[Finding]:
    """Whether what is left of a study fits where results and store are."""
    study, runs = subject.study, subject.runs
    if study is None:
        return
    results = Path("results", study.study)
    if reason := unwritable(results):
        yield Finding(
            "problem",
            "results",
            f"{results}: cannot be written ({reason})",
            "run in a folder of your own: snakemake --directory FOLDER -s path/to/Snakefile all",
        )
    left = [run for run in runs if not (results / "runs" / run.folder / "run.json").exists()]
    if not left:
        yield Finding(
            "ok", "disk", f"{count(len(runs), 'run')}, all there: no more is needed for runs"
        )
        return
    places = {results: sum(map(_result_bytes, left)), Path(study.store.path): _store_bytes(left)}
    needed: dict[Path, int] = {}
    free: dict[Path, int] = {}
    seen: dict[int, Path] = {}
    for place, more in places.items():
        there = nearest_existing(place)
        first = seen.setdefault(there.stat().st_dev, place)
        needed[first] = needed.get(first, 0) + more
        free[first] = shutil.disk_usage(there).free
    for place, more in needed.items():
        where = " and ".join(map(str, places)) if len(needed) == 1 else str(place)
        text = (
            f"{where}: {size(free[place])} free, about {size(more)} needed for the {len(left)} "
            f"of {count(len(runs), 'run')} not there yet (estimated from weights and epochs)"
        )
        if more > free[place]:
            yield Finding(
                "problem",
                "disk",
                text,
                "free some (pj2 store gc --thin), put store: elsewhere, or lower epochs",
            )
        else:
            yield Finding("ok", "disk", text)


def check_memory(subject: Subject) -> Iterator[Finding]:
    """Whether as many runs as there are cores for fit the memory."""
    study, runs = subject.study, subject.runs
    if study is None:
        return
    greatest = max(runs, key=lambda run: job_bytes(run.settings))
    each, free, cores = job_bytes(greatest.settings), usable_memory(), usable_cores()
    at_once = min(len(runs), max(1, cores // study.threads))
    text = (
        f"{size(free)} free; {count(at_once, 'run')} at a time, up to {size(at_once * each)}, "
        f"{size(each)} for {greatest.model} with batches of {greatest.settings.batch_size} "
        "(estimated)"
    )
    fitting = free // each
    if fitting >= at_once:
        yield Finding("ok", "memory", text)
    elif fitting:
        advice = f"snakemake --cores {max(1, fitting * study.threads)} all"
        yield Finding("warning", "memory", text, advice)
    else:
        yield Finding("problem", "memory", text, "a smaller batch_size, or close other programs")


def job_bytes(settings: RunSettings) -> int:
    """Return about how much memory training a run takes on a CPU, in fp32."""
    model = _size_of(settings)
    copies = _COPIES + _states(settings.optimizer)
    return round(_BASE + copies * model.weights + _KEPT * settings.batch_size * model.outputs)


def _result_bytes(run: Run) -> int:
    return 2 * _size_of(run.settings).weights  # best and last


def _store_bytes(runs: Sequence[Run]) -> int:
    """Return what the store grows by: the weights of every epoch, and optimizers' states.

    Runs that differ in their budget only share their epochs.
    """
    longest: dict[str, RunSettings] = {}
    for run in runs:
        known = longest.setdefault(canonical_json(run.settings.identity()), run.settings)
        if run.settings.epochs > known.epochs:
            longest[canonical_json(run.settings.identity())] = run.settings
    return sum(
        _size_of(each).weights
        * (each.epochs + min(each.epochs, GENERATIONS) * _states(each.optimizer))
        for each in longest.values()
    )


def _states(optimizer: OptimizerConfig) -> int:
    """Return what an optimizer keeps, in sizes of the weights."""
    return int(optimizer.momentum > 0) if optimizer.name == "sgd" else 2


def _size_of(settings: RunSettings) -> ModelSize:
    return _measured(settings.model, canonical_json(settings.architecture))


@cache
def _measured(model: str, architecture: str) -> ModelSize:
    import torch

    from pj2.models.registry import build_model

    outputs = 0

    def add(module: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal outputs
        outputs += output.numel() * output.element_size()

    with torch.device("meta"), torch.no_grad():
        built = build_model(model, 10, architecture=json.loads(architecture)).eval()
        for module in built.modules():
            if not list(module.children()):
                module.register_forward_hook(add)
        built(torch.empty(1, 3, 32, 32))
    weights = sum(each.numel() * each.element_size() for each in built.state_dict().values())
    return ModelSize(weights, outputs)
