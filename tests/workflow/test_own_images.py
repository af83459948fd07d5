"""Images of one's own: which of their changes snakemake sees, and names that it must not read."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.workflow.clones import new_study
from tests.workflow.study import Study

pytestmark = pytest.mark.workflow

CONFIG = """\
study: own
dataset: {name: custom, source: imagefolder, path: "PATH"}
experiments:
  short: {models: [BasicCNN], learning_rates: [1e-3], epochs: 1, validation_fraction: 0.5}
"""


def _images(folder: Path, classes: tuple[str, ...], brightness: int) -> None:
    for split in ("train", "test"):
        for number, name in enumerate(classes):
            (folder / split / name).mkdir(parents=True)
            for image in range(4):
                pixels = np.full((32, 32, 3), brightness + 10 * number + image, dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{image}.png")


def _hash(study: Study) -> str:
    (info,) = study.folder.glob("results/data/*/dataset.json")
    return json.loads(info.read_text())["hash"]


def test_changed_images_are_prepared_again(tmp_path):
    study = new_study(tmp_path / "work", CONFIG.replace("PATH", "data"))
    _images(tmp_path / "one", ("cat", "dog"), 10)
    _images(tmp_path / "two", ("cat", "dog"), 100)
    link = study.folder / "data"
    link.symlink_to(tmp_path / "one")
    study.run("prepare_data")
    first = _hash(study)
    assert study.planned("prepare_data") == {}
    changed = tmp_path / "one" / "train" / "cat" / "0.png"
    times = changed.stat()
    original = changed.read_bytes()
    shutil.copyfile(changed.with_name("1.png"), changed)
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert study.planned("prepare_data") == {"prepare_data": 1}
    changed.write_bytes(original)
    assert study.planned("prepare_data") == {}
    link.unlink()
    link.symlink_to(tmp_path / "two")
    shutil.rmtree(study.folder / ".snakemake")
    study.run("prepare_data")
    assert _hash(study) != first
    assert study.planned("prepare_data") == {}


def test_a_class_that_is_too_small_is_named_before_anything_trains(tmp_path):
    study = new_study(tmp_path / "work", CONFIG.replace("PATH", "data"))
    _images(study.folder / "data", ("cat", "dog"), 10)
    for image in range(3):
        (study.folder / "data" / "train" / "cat" / f"{image}.png").unlink()
    result = study.snakemake("--cores", "1", "--until", "train")
    assert result.returncode == 1
    assert "class cat would give" in result.stdout + result.stderr
    assert study.run_folders() == []
    _images(tmp_path / "more", ("cat", "dog"), 50)
    (tmp_path / "more" / "train" / "cat").rename(study.folder / "data" / "train" / "cat" / "more")
    study.run("prepare_data")
    assert study.planned("prepare_data") == {}, "another fraction is no other data"
    smaller = tmp_path / "smaller.yaml"
    smaller.write_text((study.folder / "config.yaml").read_text().replace("0.5", "0.01"))
    result = study.snakemake("-n", "--configfile", str(smaller))
    assert result.returncode == 2
    assert "a higher validation_fraction" in result.stderr


@pytest.mark.parametrize(("path", "name"), [("{x}", "{k}"), ("d{a,b}*[1]", "<unknown>")])
def test_braces_and_brackets_in_names(tmp_path, path, name):
    study = new_study(tmp_path / "work", CONFIG.replace("PATH", path))
    _images(study.folder / path, (name, "dog"), 10)
    study.run("prepare_data")
    (info,) = study.folder.glob("results/data/*/dataset.json")
    assert set(json.loads(info.read_text())["classes"]) == {name, "dog"}
