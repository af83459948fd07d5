"""Copies of a study, of its store and of the code: what the workflow tests change."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from pj2.store.files import sha256_file
from tests.helpers.repository import REPOSITORY
from tests.workflow.study import Study

TRAINING = ("--until", "train")
# One run of two short epochs, for what must be trained for real.
SHORT = """\
study: tiny
dataset:
  source: sample
  limit: {train: 200, test: 20}
experiments:
  short:
    models: [BasicCNN]
    learning_rates: [1e-3]
    precision: fp32
    batch_size: 16
    epochs: 2
"""
SHORT_RUN = "results/tiny/runs/experiment=short/model=BasicCNN/lr=0.001/seed=0"
EXACT = ("best.safetensors", "last.safetensors", "steps.parquet", "predictions.parquet")


def linked_copy(folder: Path, destination: Path) -> Path:
    """Copy a store without copying its bytes: its files are never changed, only replaced."""
    return Path(shutil.copytree(folder, destination, copy_function=os.link))


def copy_checkout(destination: Path) -> Path:
    """Copy what a clone has, so that its source can be edited."""
    destination.mkdir(parents=True)
    shutil.copy(REPOSITORY / "Snakefile", destination)
    for name in ("workflow", "profiles"):
        shutil.copytree(REPOSITORY / name, destination / name)
    copy_package(destination)
    (destination / "data").symlink_to(REPOSITORY / "data")
    return destination


def copy_package(destination: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "pj2", destination / "pj2", ignore=ignored, dirs_exist_ok=True)


def new_study(folder: Path, config: str, **changes) -> Study:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(config)
    return Study(folder, **changes)


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()  # it may be read-only, or linked to another's
    path.write_bytes(content)


def exact_digests(run: Path) -> dict[str, str]:
    """Of what must be the same to the last bit."""
    return {name: sha256_file(run / name) for name in EXACT}


def trained(study: Study) -> set[str]:
    """The runs whose last training job made an epoch, as model and learning rate."""
    found = set()
    for log in study.folder.glob("results/tiny/logs/train/*/*/*/seed=0.log"):
        if re.search(r"epoch \d+/|diverged at", log.read_text()):
            found.add(f"{log.parts[-3]} {log.parts[-2].removeprefix('lr=')}")
    return found


def edit(clone: Study, name: str, old: str, new: str) -> None:
    path = clone.checkout / name
    text = path.read_text()
    assert text.count(old) == 1, (name, old)
    path.write_text(text.replace(old, new))


LOOP = "pj2/training/loop.py"
