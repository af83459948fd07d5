"""Synthetic runs in the layout of real ones, of any number and length."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from pj2.runs.files import (
    RUN,
    EpochRecord,
    StepRecords,
    artifact_names,
    epochs_table,
    steps_table,
)
from pj2.runs.index import write_index
from pj2.store.files import write_table
from pj2.store.records import write_record

_CLASSES = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_EPOCHS = 100
_NO_DIGEST = "0" * 64
_IMAGES = 1000


def write_runs(
    root: Path, models: Sequence[str], rates: Iterable[float], seeds: Sequence[int], steps: int
) -> list[Path]:
    """Write runs of `steps` steps and their index files below `root`; return the index files.

    Losses fall like 1 / sqrt(step) with noise; every 20th run diverges halfway.
    """
    source = np.random.default_rng(0)
    rates = list(rates)
    trend = 2.3 / np.sqrt(1 + np.arange(steps) / 500)
    index, number = [], 0
    for model in models:
        entries = []
        for rate in rates:
            for seed in seeds:
                folder = root / f"runs/experiment=e/model={model}/lr={rate!r}/seed={seed}"
                number += 1
                length = steps // 2 if number % 20 == 0 else steps
                loss = trend[:length] * source.gamma(20, 0.05, length)
                _write_run(folder, model, rate, seed, loss.astype(np.float32), length < steps)
                entries.append(
                    {
                        "experiment": "e",
                        "model": model,
                        "lr": repr(rate),
                        "seed": seed,
                        "variant": {},
                        "folder": str(folder),
                    }
                )
        path = root / f"index/experiment=e/model={model}.json"
        write_index(path, {"study": "s", "experiment": "e", "model": model}, entries)
        index.append(path)
    return index


def _write_run(
    folder: Path, model: str, rate: float, seed: int, loss: np.ndarray, diverged: bool
) -> None:
    parts = np.array_split(loss, _EPOCHS)
    write_table(
        folder / "steps.parquet",
        steps_table([StepRecords(part, np.ones_like(part)) for part in parts]),
    )
    rows = []
    for epoch, part in enumerate(parts):
        mean = float(part.mean())
        accuracy = float(np.exp(-mean))
        rows.append(EpochRecord(epoch, mean, accuracy, mean, accuracy, mean, accuracy, 9.0, 900.0))
    write_table(folder / "epochs.parquet", epochs_table(rows))
    source = np.random.default_rng(seed)
    label = source.integers(0, 10, _IMAGES)
    predicted = np.where(source.random(_IMAGES) < 0.8, label, source.integers(0, 10, _IMAGES))
    sure = np.full((_IMAGES, 10), 0.02, np.float32)
    sure[np.arange(_IMAGES), predicted] = 0.82
    columns = {
        "index": pa.array(range(_IMAGES), pa.int64()),
        "label": pa.array(label, pa.int16()),
        "predicted": pa.array(predicted, pa.int16()),
        "probabilities": pa.FixedSizeListArray.from_arrays(pa.array(sure.ravel()), 10),
    }
    metadata = {"classes": json.dumps(_CLASSES)}
    write_table(folder / "predictions.parquet", pa.table(columns).replace_schema_metadata(metadata))
    best = int(np.argmax([row.val_accuracy or 0.0 for row in rows]))
    write_record(
        folder / RUN,
        {
            "status": "diverged" if diverged else "completed",
            "diverged_at_step": len(loss) if diverged else None,
            "best_epoch": best,
            "epochs_run": _EPOCHS,
            "settings": {
                "model": model,
                "learning_rate": rate,
                "seed": seed,
                "epochs": _EPOCHS,
                "batch_size": 128,
                "monitor": "val_accuracy",
                "architecture": {},
                "optimizer": {"name": "sgd"},
                "loss": {"name": "cross_entropy", "label_smoothing": 0.0},
                "quantities": [],
                "probe": None,
            },
            "parameters": 1_000_000,
            "macs": 1_000_000,
            "first_conv": None,
            "seconds": 900.0,
            "images_per_second": 900.0,
            "precision": {"asked": "fp32", "used": "fp32"},
            "hardware": {"device": "cpu", "name": "none", "threads": 1},
            "data": {
                "hash": _NO_DIGEST,
                "name": "cifar10",
                "source": "sample",
                "train_images": 45_000,
                "validation_images": 5_000,
                "test_images": _IMAGES,
            },
            "versions": {"torch": "0"},
            "fingerprint": _NO_DIGEST,
            "code": {"modules": {}, "packages": {}},
            "predictions": {
                "fingerprint": _NO_DIGEST,
                "inputs": {
                    "settings": {"classes": list(_CLASSES), "weights": _NO_DIGEST},
                    "data": _NO_DIGEST,
                    "modules": {},
                    "packages": {},
                },
            },
            "written_by": _NO_DIGEST,
            "artifacts": dict.fromkeys(artifact_names(probed=False), _NO_DIGEST),
        },
    )
