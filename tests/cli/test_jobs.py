"""The jobs as commands: restored without torch, stopped with a code of its own."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pj2.exhibits.measured import LINE_COLUMNS, barrier, read_measured
from pj2.runs.files import PREDICTIONS
from pj2.store.records import write_record
from tests.helpers.made_up import make_index, make_run

SETTINGS = {
    "model": "BasicCNN",
    "learning_rate": 0.001,
    "seed": 0,
    "batch_size": 16,
    "epochs": 1,
}


def test_prepare_says_what_looks_wrong_of_the_images(tmp_path):
    for split in ("train", "test"):
        for label, name in enumerate(("cat", "dog")):
            place = tmp_path / "images" / split / name
            place.mkdir(parents=True)
            Image.new("RGB", (32, 32), (label, 0, 0)).save(place / "0.png")
    shutil.copy(tmp_path / "images/train/cat/0.png", tmp_path / "images/train/cat/0 (1).png")
    (tmp_path / "images/train/dog/scan.tiff").touch()
    dataset = {"name": "custom", "source": "imagefolder", "path": "images"}
    run = [sys.executable, "-m", "pj2", "prepare", "--dataset", json.dumps(dataset)]
    result = subprocess.run(
        [*run, "--output", "data"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stderr.splitlines() == [
        "not read from images: images/train/dog/scan.tiff; see docs/data.md",
        "repeated pixels: 1 training and 0 test images; 2 are in both splits",
        "green, blue: the same value in every training pixel; shifted to 0, not scaled",
    ]
    refused = subprocess.run(
        [*run, "--output", "other", "--validation-fraction", "0.1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 2
    assert "class dog would give" in refused.stderr
    assert not (tmp_path / "other").exists()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jobs")
    dataset = json.dumps({"limit": {"train": 100, "test": 20}})
    run = [sys.executable, "-m", "pj2", "prepare", "--dataset", dataset, "--output", "data"]
    subprocess.run(run, cwd=folder, check=True)
    return folder


def command(output, **changes):
    settings = json.dumps({**SETTINGS, **changes})
    arguments = ("--settings", settings, "--data", "data", "--output", output, "--device", "cpu")
    return [sys.executable, "-m", "pj2", "train", *arguments]


def call(arguments, folder, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PJ2_")} | variables
    return subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_a_run_and_its_predictions_are_restored_without_torch(folder):
    first = call(command("first"), folder)
    assert first.returncode == 0, first.stderr
    # A torch that cannot be imported, before the real one.
    (folder / "none" / "torch").mkdir(parents=True)
    (folder / "none" / "torch" / "__init__.py").write_text("raise RuntimeError('torch')")
    path = [str(folder / "none"), os.environ.get("PYTHONPATH")]
    without = {"PYTHONPATH": os.pathsep.join(filter(None, path))}
    again = call(command("again"), folder, **without)
    assert again.returncode == 0, again.stderr
    assert "restored from the store and verified" in again.stdout
    for path in (folder / "first").iterdir():
        assert filecmp.cmp(path, folder / "again" / path.name, shallow=False), path.name


def test_renamed_classes_train_nothing_and_are_predicted_again(folder):
    assert call(command("named", seed=1), folder).returncode == 0
    shutil.copytree(folder / "data", folder / "renamed")
    info = json.loads((folder / "renamed" / "dataset.json").read_text())
    info["classes"][0] = "aircraft"
    info["per_class"]["train"]["aircraft"] = info["per_class"]["train"].pop("airplane")
    write_record(folder / "renamed" / "dataset.json", info)
    again = call([*command("renamed run", seed=1), "--data", "renamed"], folder)
    assert again.returncode == 0, again.stderr
    assert "restored from the store and verified" in again.stdout
    assert "epoch 1/1" not in again.stdout
    first, second = (
        pq.read_table(folder / name / PREDICTIONS) for name in ("named", "renamed run")
    )
    assert second.equals(first)
    assert json.loads(second.schema.metadata[b"classes"])[0] == "aircraft"


def test_asked_to_stop_it_ends_with_75_and_says_what_is_saved(folder):
    process = subprocess.Popen(
        command("stopped", epochs=1000, seed=2),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "epoch 1/1000" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 75
    assert "stopped after" in errors
    assert "saved; run it again to continue" in errors
    assert "Traceback" not in errors


def test_no_line_ends_at_the_weights_that_a_diverged_run_began_with(folder):
    runs = [
        make_run(folder / "lines", "BasicCNN", [2.0] * 6, lr="0.1", val=(0.5, 0.6), test=None),
        make_run(folder / "lines", "BasicCNN", [2.0], lr="1.0", val=(), test=None, diverged=True),
    ]
    (index,) = make_index(folder / "lines", runs)
    measure = [sys.executable, "-m", "pj2", "geometry", "interpolation", str(index)]
    settings = ("--settings", json.dumps({"line_points": 5, "images": 10}))
    done = call([*measure, *settings, "--data", "data", "--output", "line.parquet"], folder)
    assert done.returncode == 0, done.stderr
    assert "no line: fewer than two runs of BasicCNN finished an epoch" in done.stdout
    line = read_measured(folder / "line.parquet", LINE_COLUMNS)
    assert line.table.empty
    assert (line.about["weights"], line.about["other"]["weights"]) == ("best", "initial")
    assert np.isnan(barrier(line))
