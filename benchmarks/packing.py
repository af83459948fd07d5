"""Several runs: single-threaded and concurrent, against sequential with all cores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.commands import SNAKEFILE, empty, snakemake, timed
from benchmarks.measure import Measurement, environment, interleave
from benchmarks.workload import BATCH, pictures

Experiment = dict[str, object]
_RATES = (1e-4, 2e-4, 3e-4, 5e-4, 7e-4, 1e-3, 2e-3, 3e-3)
_STUDY_STEPS = 40  # of each of the eight runs; a published run has thousands


def measure(repeats: int, images: int = 12_000) -> Iterator[Measurement]:
    """Train two, four and eight learning rates of BasicCNN; then the eight runs of VGG."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        source = _write_images(root / "images", images)
        for count in (2, 4, 8):
            rates = {"e": _experiment(["BasicCNN"], _RATES[:count])}
            samples = interleave(
                {
                    "single-threaded, as many as cores": partial(_study, root, source, rates, 1),
                    "one after another, all cores each": partial(_study, root, source, rates, 0),
                },
                repeats,
            )
            yield Measurement(
                "Learning rates at once, whole `snakemake` calls",
                f"{count} runs of BasicCNN, {images:,} images", "s", samples,
                [("one after another, all cores each", "single-threaded, as many as cores")],
            )  # fmt: skip
        few = _STUDY_STEPS * BATCH
        vgg = {"e": _experiment(["VGG_A", "VGG_A_BatchNorm"], _RATES[:4])}
        small = _write_images(root / "fewer", few * 10 // 9)
        samples = interleave(
            {
                "ours, `snakemake --until train`, precision auto": lambda: _study(
                    root, small, vgg, 1
                ),
                "plain loops in fp32, one after another, all cores": lambda: _plain(few),
            },
            repeats,
        )
        yield Measurement(
            "The landscape study's eight runs",
            f"VGG_A and VGG_A_BatchNorm, 4 rates, {_STUDY_STEPS} steps each, start-up included",
            "s", samples,
            [
                (
                    "plain loops in fp32, one after another, all cores",
                    "ours, `snakemake --until train`, precision auto",
                )
            ],
        )  # fmt: skip


def _experiment(models: list[str], rates: tuple[float, ...]) -> Experiment:
    return {
        "models": models, "learning_rates": list(rates), "batch_size": BATCH, "epochs": 1,
        "test_every_epoch": False, "validation_fraction": 0.1,
    }  # fmt: skip


def _study(root: Path, source: Path, experiments: dict[str, Experiment], threads: int) -> float:
    """Train a study from its prepared data alone; return the seconds. `threads` 0 means all."""
    folder = empty(root / "study")
    cores = os.cpu_count() or 1
    config = {
        "study": "bench", "threads": threads or cores, "device": "auto",
        "dataset": {"name": "custom", "source": "imagefolder", "path": str(source)},
        "experiments": experiments,
    }  # fmt: skip
    (folder / "config.yaml").write_text(json.dumps(config))
    base = snakemake(SNAKEFILE, "--cores", str(cores), "--directory", str(folder))
    timed([*base, "prepare_data"])
    return timed([*base, "--until", "train"])


def _plain(images: int) -> float:
    started = time.perf_counter()
    for model in ("VGG_A", "VGG_A_BatchNorm"):
        for _ in _RATES[:4]:
            code = (
                "import torch; from benchmarks.plain_loop import PlainLoop; "
                f"PlainLoop({model!r}, {images}, torch.device('cpu')).epoch()"
            )
            subprocess.run(
                [sys.executable, "-c", code], check=True, env=environment(GLIBC_TUNABLES="")
            )
    return time.perf_counter() - started


def _write_images(folder: Path, count: int) -> Path:
    """Write an image folder with `count` training images."""
    images, labels = pictures(count)
    for split, part in (("train", slice(None)), ("test", slice(0, 100))):
        for place, (image, label) in enumerate(zip(images[part], labels[part], strict=True)):
            path = folder / split / str(label) / f"{place}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image = np.ascontiguousarray(image)
            image[0, 0] = (place % 256, place // 256 % 256, 0)  # no two alike
            Image.fromarray(image).save(path, compress_level=0)
    return folder
