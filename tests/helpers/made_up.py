"""Made-up runs on disk, written by the code that writes real ones."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from pj2.config.catalogue import MODELS
from pj2.config.schema import ProbeConfig
from pj2.config.study import RunSettings
from pj2.data.layout import DataIdentity
from pj2.evaluation.predict import predictions_table
from pj2.fingerprint.run import run_fingerprint
from pj2.runs.files import RUN, EpochRecord, ProbeRecords, StepRecords
from pj2.runs.index import write_index
from pj2.runs.result import Result, cut, write_result
from pj2.runs.trajectory import Divergence, Epoch, Facts, Trajectory, pack_probes, pack_steps
from pj2.store.files import write_table
from pj2.store.records import write_record
from pj2.store.store import RunStore
from pj2.store.tiers import Folder

CLASSES = ("plane", "car", "bird", "cat")
DATA = "0" * 64
FIRST_CONV = "features.0.weight"
PROBE = ProbeConfig(every=10, steps=3, range=(0.5, 2.0), covariate_shift=True, moments=True)

FACTS = Facts(
    parameters=1234567,
    macs=7654321,
    first_conv=FIRST_CONV,
    precision={"asked": "fp32", "used": "fp32"},
    data={
        "hash": DATA, "name": "custom", "source": "imagefolder",
        "train_images": 100, "validation_images": 20, "test_images": 4,
    },
)  # fmt: skip


def make_run(
    root: Path,
    model: str,
    losses: Sequence[float] | np.ndarray,
    *,
    lr: str = "0.001",
    seed: int = 0,
    experiment: str = "e",
    val: Sequence[float | None] = (0.5,),
    test: Sequence[float] | None = (0.4,),
    labels: Sequence[int] = (0, 1, 2, 3),
    predicted: Sequence[int] = (0, 1, 2, 2),
    classes: Sequence[str] = CLASSES,
    diverged: bool = False,
    gap: float = 0.15,
    filters: np.ndarray | None = None,
    confidence: Sequence[float] | float = 0.7,
    variant: Mapping[str, str] | None = None,
    norms: Sequence[float] | None = None,
    probes: ProbeRecords | None = None,
    **info: Any,
) -> dict[str, Any]:
    """Write one run whose epochs are those of `val`; return its entry for an index file.

    The code that writes real runs writes it, with the code of BasicCNN for a model that is
    not registered. Test losses are `gap` above training losses. ``settings`` in `info` are
    changes to the settings; the rest of it is merged into run.json.
    """
    budget = len(val) + diverged
    given = {
        "model": model, "learning_rate": float(lr), "seed": seed, "precision": "fp32",
        "batch_size": 10, "epochs": budget, "test_every_epoch": test is not None,
        "probe": PROBE if probes else None,
    } | info.pop("settings", {})  # fmt: skip
    architecture = given["model"]
    known = architecture if architecture in MODELS.modules() else "BasicCNN"
    settings = RunSettings.model_validate(given | {"model": known})
    store = RunStore(Folder(root / "nothing is kept here"))
    store.writable = False  # blobs stay in memory
    if filters is None:
        filters = np.random.default_rng(0).normal(size=(8, 3, 3, 3)).astype(np.float32)
    weights = store.put(save({FIRST_CONV: filters}))
    loss = np.asarray(losses, np.float32)
    steps = StepRecords(
        loss, np.ones_like(loss) if norms is None else np.asarray(norms, np.float32)
    )
    epochs, after = _epochs(steps, val, test, gap)
    kept = store.put(pack_probes(probes or ProbeRecords()))
    trajectory = Trajectory(
        replace(FACTS, data={**FACTS.data, "test_images": len(labels)}),
        {"device": "cpu", "name": "Made-up CPU", "capability": "none", "threads": 1},
        {"pj2": "0", "python": "3", "torch": "2"},
        tuple(
            Epoch(row, store.put(pack_steps(part)), weights, kept if row.epoch == 0 else None)
            for row, part in epochs
        ),
        Divergence(len(after.loss), store.put(pack_steps(after)), weights, weights, None)
        if diverged
        else None,
    )
    end = cut(trajectory, settings.model_copy(update={"epochs": budget, "patience": None}))
    assert end is not None
    data = DataIdentity(DATA, tuple(classes))
    made = run_fingerprint(settings.computed_in("fp32"), DATA)
    fingerprint = replace(made, settings={**made.settings, "model": architecture})
    result = Result(settings, data, fingerprint, trajectory, end)
    table = predictions_table(
        np.asarray(labels), _probabilities(predicted, confidence, len(classes)), classes
    )
    name = f"experiment={experiment}/model={model}/lr={lr}/seed={seed}"
    folder = root / "runs" / name
    folder.mkdir(parents=True, exist_ok=True)
    write_result(store, result, folder, lambda _, path: write_table(path, table))
    change_record(folder, settings={"model": architecture}, **info)
    return {
        "experiment": experiment, "model": model, "lr": lr, "seed": seed,
        "variant": dict(variant or {}), "folder": str(folder),
    }  # fmt: skip


def change_record(folder: str | Path, **info: Any) -> None:
    """Merge values into a run.json; those of a section are merged into the section."""
    path = Path(folder, RUN)
    record = json.loads(path.read_text())
    for key, value in info.items():
        both = isinstance(value, dict) and isinstance(record.get(key), dict)
        record[key] = record[key] | value if both else value
    write_record(path, record)


def _epochs(
    steps: StepRecords,
    val: Sequence[float | None],
    test: Sequence[float] | None,
    gap: float,
) -> tuple[list[tuple[EpochRecord, StepRecords]], StepRecords]:
    """Share the steps out among the epochs of `val`; return the epochs, and what comes after."""
    if not len(val):
        return [], steps
    per_epoch = max(1, -(-len(steps.loss) // len(val)))
    epochs = []
    for epoch, accuracy in enumerate(val):
        own = slice(epoch * per_epoch, (epoch + 1) * per_epoch)
        loss = float(steps.loss[own].mean())
        row = EpochRecord(
            epoch=epoch,
            train_loss=loss,
            train_accuracy=0.02 + float(accuracy or 0),
            val_loss=None if accuracy is None else loss + 0.1,
            val_accuracy=None if accuracy is None else float(accuracy),
            test_loss=None if test is None else loss + gap,
            test_accuracy=None if test is None else float(test[epoch]),
            seconds=2.0,
            images_per_second=1000.0,
        )
        epochs.append((row, StepRecords(steps.loss[own], steps.grad_norm[own])))
    return epochs, StepRecords.none()


def _probabilities(
    predicted: Sequence[int], confidence: Sequence[float] | float, classes: int
) -> np.ndarray:
    """Return probabilities: the other classes share evenly what the predicted one leaves."""
    sure = np.broadcast_to(np.asarray(confidence, np.float32), len(predicted))
    table = np.repeat(((1 - sure) / (classes - 1))[:, None], classes, axis=1)
    table[np.arange(len(predicted)), list(predicted)] = sure
    return table


def make_index(root: Path, runs: Sequence[dict[str, Any]]) -> list[Path]:
    """Write one index file for each (experiment, model) among `runs`; return their paths."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["experiment"], run["model"]), []).append(run)
    paths = []
    for (experiment, model), entries in groups.items():
        path = root / "index" / f"experiment={experiment}" / f"model={model}.json"
        write_index(path, {"study": "s", "experiment": experiment, "model": model}, entries)
        paths.append(path)
    return paths


def squeezed(path: Path) -> str:
    """A Markdown table without the spaces and dashes that align its columns."""
    return re.sub("-{2,}", "-", re.sub(" +", " ", path.read_text(encoding="utf-8")))


def probes_of(
    losses: Sequence[Sequence[float]],
    distances: Sequence[Sequence[float]],
    *,
    along: Sequence[str] = ("gradient",),
    direction_norm: float = 2.0,
) -> ProbeRecords:
    """Return probes at steps 0, 10, …: losses and distances at three step lengths."""
    lengths = (0.1, 0.2, 0.4)
    records = ProbeRecords()
    for place, (there, moved) in enumerate(zip(losses, distances, strict=True)):
        common = {"step": 10 * place, "epoch": 0}
        for name in along:
            for length, loss, distance in zip(lengths, there, moved, strict=True):
                records.probes.append(
                    common | {
                        "along": name, "step_length": length, "loss": loss,
                        "gradient_distance": distance, "start_loss": 2.0,
                        "gradient_norm": 2.0, "direction_norm": direction_norm,
                    }
                )  # fmt: skip
        for depth in range(3):
            records.layers.append(
                common | {
                    "layer": f"layer{depth}.weight", "depth": depth, "difference": 0.5 * depth,
                    "cosine": 1 - 0.1 * depth, "gradient_norm": 2.0,
                }
            )  # fmt: skip
    return records


def with_moments(records: ProbeRecords, layers: int) -> ProbeRecords:
    """Add moments: the means of layer `depth` (from 0) are 0 and `depth` in turn, variances 1."""
    steps = sorted({row["step"] for row in records.probes})
    for place, step in enumerate(steps):
        for depth in range(layers):
            for channel in range(2):
                records.moments.append(
                    {
                        "step": step, "epoch": 0, "layer": f"act{depth}", "depth": depth,
                        "channel": channel, "mean": float(depth * (place % 2)), "variance": 1.0,
                    }
                )  # fmt: skip
    return records
