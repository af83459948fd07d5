"""Hand-made runs on disk, in the layout that the training job writes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from safetensors.numpy import save_file

from pj2.runs.files import PROBES_SCHEMA, SHIFT_SCHEMA
from pj2.store.files import write_json, write_table

CLASSES = ("plane", "car", "bird", "cat")


def make_run(
    root: Path,
    model: str,
    losses: Sequence[float] | np.ndarray,
    *,
    lr: str = "0.001",
    seed: int = 0,
    experiment: str = "e",
    val: Sequence[float] = (0.5,),
    test: Sequence[float] | None = (0.4,),
    labels: Sequence[int] = (0, 1, 2, 3),
    predicted: Sequence[int] = (0, 1, 2, 2),
    classes: Sequence[str] = CLASSES,
    diverged: bool = False,
    filters: np.ndarray | None = None,
    confidence: Sequence[float] | float = 0.7,
    variant: Mapping[str, str] | None = None,
    **info: Any,
) -> dict[str, Any]:
    """Write one run whose epochs are those of `val`; return its entry for an index file."""
    name = f"experiment={experiment}/model={model}/lr={lr}/seed={seed}"
    folder = root / "runs" / name
    folder.mkdir(parents=True, exist_ok=True)
    loss = np.asarray(losses, np.float32)
    per_epoch = -(-len(loss) // max(1, len(val)))
    step = np.arange(len(loss))
    write_table(
        folder / "steps.parquet",
        pa.table(
            {
                "step": pa.array(step, pa.int64()),
                "epoch": pa.array(step // max(1, per_epoch), pa.int32()),
                "loss": pa.array(loss),
                "grad_norm": pa.array(np.ones_like(loss)),
            }
        ),
    )
    train_loss = [float(loss[step // per_epoch == e].mean()) for e in range(len(val))]
    table = pd.DataFrame(
        {
            "train_loss": train_loss,
            "train_accuracy": [v + 0.02 for v in val],
            "val_loss": [t + 0.1 for t in train_loss],
            "val_accuracy": list(val),
            "test_loss": [t + 0.15 if test is not None else None for t in train_loss],
            "test_accuracy": list(test)[: len(val)] if test is not None else [None] * len(val),
        },
        dtype="float64",
    )
    table.insert(0, "epoch", np.arange(len(val), dtype=np.int32))
    table = table.assign(seconds=2.0, images_per_second=1000.0)
    write_table(folder / "epochs.parquet", pa.Table.from_pandas(table, preserve_index=False))
    if len(val):
        metadata = {"classes": json.dumps(list(classes))}
        columns = {
            "index": pa.array(range(len(labels)), pa.int64()),
            "label": pa.array(labels, pa.int16()),
            "predicted": pa.array(predicted, pa.int16()),
            "probabilities": _probabilities(predicted, confidence, len(classes)),
        }
        write_table(
            folder / "predictions.parquet",
            pa.table(columns).replace_schema_metadata(metadata),
        )
        if filters is None:
            filters = np.random.default_rng(0).normal(size=(8, 3, 3, 3)).astype(np.float32)
        save_file({"features.0.weight": filters}, folder / "best.safetensors")
    write_json(
        folder / "run.json",
        {
            "status": "diverged" if diverged else "completed",
            "diverged_at_step": len(loss) if diverged else None,
            "best_epoch": int(np.argmax(val)) if len(val) else None,
            "epochs_run": len(val),
            "settings": {
                "model": model, "learning_rate": float(lr), "seed": seed, "batch_size": 10,
                "monitor": "val_accuracy", "architecture": {},
                "loss": {"name": "cross_entropy", "label_smoothing": 0.0},
            },
            "parameters": 1234567,
            "macs": 7654321,
            "first_conv": "features.0.weight",
            "seconds": 12.5,
            "images_per_second": 987.6,
            "precision": {"asked": "fp32", "used": "fp32", "speedup": None},
            "hardware": {"device": "cpu", "name": "Made-up CPU", "threads": 1},
            "data": {"train_images": 100, "validation_images": 20, "test_images": len(labels)},
        }
        | info,
    )  # fmt: skip
    return {
        "experiment": experiment, "model": model, "lr": lr, "seed": seed,
        "variant": dict(variant or {}), "folder": str(folder),
    }  # fmt: skip


def _probabilities(
    predicted: Sequence[int], confidence: Sequence[float] | float, classes: int
) -> pa.Array:
    """What is left beside the predicted class is shared evenly."""
    sure = np.broadcast_to(np.asarray(confidence, np.float32), len(predicted))
    table = np.repeat(((1 - sure) / (classes - 1))[:, None], classes, axis=1)
    table[np.arange(len(predicted)), list(predicted)] = sure
    return pa.FixedSizeListArray.from_arrays(pa.array(table.ravel(), pa.float32()), classes)


def make_index(root: Path, runs: Sequence[dict[str, Any]]) -> list[Path]:
    """Write one index file for each (experiment, model) among `runs`; return their paths."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["experiment"], run["model"]), []).append(run)
    paths = []
    for (experiment, model), entries in groups.items():
        path = root / "index" / f"experiment={experiment}" / f"model={model}.json"
        write_json(path, {"study": "s", "experiment": experiment, "model": model, "runs": entries})
        paths.append(path)
    return paths


def squeezed(path: Path) -> str:
    """A Markdown table without the spaces and dashes that align its columns."""
    return re.sub("-{2,}", "-", re.sub(" +", " ", path.read_text(encoding="utf-8")))


def add_probes(
    entry: dict[str, Any],
    losses: Sequence[Sequence[float]],
    distances: Sequence[Sequence[float]],
    *,
    along: Sequence[str] = ("gradient",),
    direction_norm: float = 2.0,
) -> None:
    """Give a made-up run probes at steps 0, 10, …: losses and distances at three step lengths."""
    folder = Path(entry["folder"])
    lengths = (0.1, 0.2, 0.4)
    rows, shift = [], []
    for place, (there, moved) in enumerate(zip(losses, distances, strict=True)):
        common = {"step": 10 * place, "epoch": 0}
        for name in along:
            for length, loss, distance in zip(lengths, there, moved, strict=True):
                rows.append(
                    common | {
                        "along": name, "step_length": length, "loss": loss,
                        "gradient_distance": distance, "start_loss": 2.0,
                        "gradient_norm": 2.0, "direction_norm": direction_norm,
                    }
                )  # fmt: skip
        for depth in range(3):
            shift.append(
                common | {
                    "layer": f"layer{depth}.weight", "depth": depth, "difference": 0.5 * depth,
                    "cosine": 1 - 0.1 * depth, "gradient_norm": 2.0,
                }
            )  # fmt: skip
    write_table(folder / "probes.parquet", pa.Table.from_pylist(rows, schema=PROBES_SCHEMA))
    write_table(
        folder / "covariate_shift.parquet", pa.Table.from_pylist(shift, schema=SHIFT_SCHEMA)
    )
    info = json.loads((folder / "run.json").read_text())
    info["settings"] |= {
        "optimizer": {"name": "sgd"},
        "probe": {
            "every": 10, "steps": 3, "range": [0.5, 2.0], "along": list(along),
            "covariate_shift": True,
        },
    }  # fmt: skip
    write_json(folder / "run.json", info)
