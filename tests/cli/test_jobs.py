"""The jobs as commands: restored without torch, stopped with a code of its own."""

from __future__ import annotations

import filecmp
import json
import os
import signal
import subprocess
import sys

import pytest

SETTINGS = {
    "model": "BasicCNN",
    "learning_rate": 0.001,
    "seed": 0,
    "batch_size": 16,
    "epochs": 1,
}


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
    evaluate = [sys.executable, "-m", "pj2", "evaluate", "--data", "data", "--device", "cpu"]
    assert call([*evaluate, "--run", "first"], folder).returncode == 0
    # A torch that cannot be imported, before the real one.
    (folder / "none" / "torch").mkdir(parents=True)
    (folder / "none" / "torch" / "__init__.py").write_text("raise RuntimeError('torch')")
    without = {"PYTHONPATH": str(folder / "none")}
    again = call(command("again"), folder, **without)
    assert again.returncode == 0, again.stderr
    assert "restored from the store and verified" in again.stdout
    assert call([*evaluate, "--run", "again"], folder, **without).returncode == 0
    for path in (folder / "first").iterdir():
        assert filecmp.cmp(path, folder / "again" / path.name, shallow=False), path.name


def test_damaged_weights_are_not_evaluated(folder):
    assert call(command("damaged", seed=1), folder).returncode == 0
    weights = folder / "damaged" / "best.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    evaluate = [sys.executable, "-m", "pj2", "evaluate", "--data", "data", "--run", "damaged"]
    result = call(evaluate, folder)
    assert result.returncode == 2
    assert "best.safetensors: damaged" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_run_json_of_something_else_is_a_line(folder):
    (folder / "else").mkdir()
    (folder / "else" / "run.json").write_text('{"settings": {}}')
    evaluate = [sys.executable, "-m", "pj2", "evaluate", "--data", "data", "--run", "else"]
    result = call(evaluate, folder)
    assert result.returncode == 2
    assert result.stderr.startswith("pj2: else/run.json: run.json is damaged")
    assert len(result.stderr.splitlines()) == 1


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
