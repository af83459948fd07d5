"""A run whose results outlived the store, or came without it."""

from __future__ import annotations

import filecmp
import json
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from pj2.config.catalogue import MODELS
from pj2.evaluation.evaluate import compute_logits
from pj2.models.inspect import count_parameters
from pj2.models.registry import build_model
from pj2.runs.adopt import adopt_run, trained
from pj2.runs.files import BEST, EPOCHS, LAST, PREDICTIONS, RUN, STEPS
from pj2.store.files import sha256_file
from pj2.store.records import write_record
from tests.helpers.made_up import change_record
from tests.helpers.small_run import artifacts, flip_a_byte, open_folder, train

DIVERGES = {"learning_rate": 1e12, "optimizer": {"name": "sgd"}}
PROBED = {"probe": {"every": 5, "steps": 2, "covariate_shift": True, "moments": True}}
ALL_TRAIN = {"validation_fraction": 0, "monitor": "test_accuracy"}
RARELY = {"probe": {"every": 1000, "steps": 2}}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"epochs": 1},
        DIVERGES,
        {"learning_rate": 0.03},
        PROBED,
        RARELY,
        ALL_TRAIN,
        DIVERGES | PROBED,
    ],
)
def test_it_is_restored_without_training(tmp_path, capsys, changes):
    first = train(tmp_path / "run", tmp_path / "lost", **changes)
    store = open_folder(tmp_path / "store")
    assert adopt_run(store, tmp_path / "run")
    assert not adopt_run(store, tmp_path / "run")  # it is there now
    capsys.readouterr()
    assert train(tmp_path / "again", store, **changes) == first
    assert capsys.readouterr().out == ""
    for path in (tmp_path / "run").iterdir():
        assert filecmp.cmp(path, tmp_path / "again" / path.name, shallow=False), path.name


def test_a_run_of_which_the_predictions_alone_are_not_finite_is_taken(tmp_path, monkeypatch):
    """It counts as diverged, though its epochs do not end so."""

    def overflows(model, images):
        logits = compute_logits(model, images)
        return logits * math.inf if len(images) == 20 else logits  # the test images

    monkeypatch.setattr("pj2.evaluation.predict.compute_logits", overflows)
    train(tmp_path / "run", tmp_path / "lost", test_every_epoch=False)
    assert json.loads((tmp_path / "run" / RUN).read_text())["status"] == "diverged"
    store = open_folder(tmp_path / "store")
    assert adopt_run(store, tmp_path / "run")
    train(tmp_path / "again", store, test_every_epoch=False)
    assert filecmp.cmp(tmp_path / "run" / RUN, tmp_path / "again" / RUN, shallow=False)


def test_a_longer_budget_needs_the_state_that_results_do_not_hold(tmp_path, capsys):
    train(tmp_path / "run", tmp_path / "lost", epochs=1)
    store = open_folder(tmp_path / "store")
    adopt_run(store, tmp_path / "run")
    train(tmp_path / "longer", store, epochs=2)
    train(tmp_path / "at once", tmp_path / "another store", epochs=2)
    assert artifacts(tmp_path / "longer") == artifacts(tmp_path / "at once")


@pytest.mark.parametrize("name", [BEST, LAST, RUN])
def test_what_is_damaged_is_not_taken(tmp_path, name):
    train(tmp_path / "run", tmp_path / "lost")
    flip_a_byte(tmp_path / "run" / name)
    assert not adopt_run(open_folder(tmp_path / "store"), tmp_path / "run")
    assert not (tmp_path / "store").exists()


def test_damaged_predictions_are_made_again_and_the_run_is_taken(tmp_path, capsys):
    train(tmp_path / "run", tmp_path / "lost")
    store = open_folder(tmp_path / "store")
    before = artifacts(tmp_path / "run")
    flip_a_byte(tmp_path / "run" / PREDICTIONS)
    assert adopt_run(store, tmp_path / "run")
    assert not list((tmp_path / "store").rglob("predictions.*"))
    capsys.readouterr()
    train(tmp_path / "again", store)
    assert "epoch" not in capsys.readouterr().out
    assert artifacts(tmp_path / "again") == before


def test_predictions_that_are_not_of_the_runs_weights_are_not_taken(tmp_path, capsys):
    run, other = (tmp_path / name for name in ("run", "other"))
    train(run, tmp_path / "lost")
    train(other, tmp_path / "lost", seed=1)
    record, others = (json.loads((each / RUN).read_text()) for each in (run, other))
    record["predictions"] = others["predictions"]
    record["artifacts"][PREDICTIONS] = others["artifacts"][PREDICTIONS]
    write_record(run / RUN, record)
    (run / PREDICTIONS).write_bytes((other / PREDICTIONS).read_bytes())
    assert not adopt_run(open_folder(tmp_path / "store"), run)
    assert "predictions are not of its weights" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (PREDICTIONS, b"not Parquet", "is not a Parquet file with a run's columns"),
        (STEPS, b"not Parquet", "is not a Parquet file with a run's columns"),
        (
            EPOCHS,
            b"PAR1, its start and end only, PAR1",
            "is not a Parquet file with a run's columns",
        ),
        (STEPS, {"step": [0], "epoch": [0], "loss": [1.0]}, "has no column grad_norm"),
        (STEPS, {"epoch": [0], "loss": [1.0], "grad_norm": [1.0]}, "no steps of epochs 1, 2"),
    ],
)
def test_a_table_that_cannot_be_read_is_a_line(tmp_path, capsys, name, content, words):
    """Its hash is the one in run.json, so nothing else says that it is not a run's table."""
    run = tmp_path / "run"
    train(run, tmp_path / "lost")
    if isinstance(content, bytes):
        (run / name).write_bytes(content)
    else:
        pq.write_table(pa.table(content), run / name)
    record = json.loads((run / RUN).read_text())
    record["artifacts"][name] = sha256_file(run / name)
    write_record(run / RUN, record)
    capsys.readouterr()
    assert not adopt_run(open_folder(tmp_path / "store"), run)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{run}: {name}")
    assert words in line
    assert not (tmp_path / "store").exists()


def test_a_record_that_was_edited_is_not_taken(tmp_path):
    """With another run's files, whatever it names or does not."""
    run, other = (tmp_path / name for name in ("run", "other"))
    train(run, tmp_path / "lost")
    train(other, tmp_path / "lost", seed=1)
    record = json.loads((run / RUN).read_text())
    (run / RUN).write_text(json.dumps(record | {"artifacts": {}}))
    for name in (BEST, LAST, STEPS, EPOCHS, PREDICTIONS):
        (run / name).write_bytes((other / name).read_bytes())
    assert not adopt_run(open_folder(tmp_path / "store"), run)
    (run / RUN).write_text(json.dumps(record | {"macs": 1}))
    assert not adopt_run(open_folder(tmp_path / "store"), run)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"parameters": 12}, "parameters: 12, but best.safetensors holds 1147466"),
        ({"best_epoch": 1}, "does not match its files: best_epoch"),
        ({"epochs_run": 2, "seconds": 1.0}, "does not match its files: epochs_run"),
        ({"status": "stopped_early"}, "does not match its files: status"),
        ({"fingerprint": "0" * 64}, "does not match its files: fingerprint"),
        ({"data": {"validation_images": 5}}, "data.validation_images: 5 are not 0.2 of all"),
        ({"data": {"test_images": 5}}, "predictions.parquet does not hold the data.test_images"),
    ],
)
def test_facts_that_differ_from_the_files_are_refused_in_a_line(tmp_path, capsys, changes, words):
    """Though the record's digest is that of what it says."""
    train(tmp_path / "run", tmp_path / "lost")
    change_record(tmp_path / "run", **changes)
    capsys.readouterr()
    assert not adopt_run(open_folder(tmp_path / "store"), tmp_path / "run")
    (line,) = capsys.readouterr().out.splitlines()
    assert words in line
    assert line.endswith("the run is not taken into the store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("model", sorted(MODELS.modules()))
def test_the_trained_numbers_of_every_model_are_told_from_its_state(model):
    with torch.device("meta"):
        built = build_model(model, 10)
    sizes = {name: tensor.numel() for name, tensor in built.state_dict().items()}
    assert trained(sizes) == (count_parameters(built),) * 2


def test_facts_that_differ_from_the_store_s_are_refused_in_a_line(tmp_path, capsys):
    train(tmp_path / "run", tmp_path / "store")
    change_record(tmp_path / "run", macs=1)
    capsys.readouterr()
    assert not adopt_run(open_folder(tmp_path / "store"), tmp_path / "run")
    assert "are not those that the store has of this run" in capsys.readouterr().out


def test_what_is_damaged_in_the_store_is_mended(tmp_path, capsys):
    train(tmp_path / "run", tmp_path / "store")
    store = open_folder(tmp_path / "store")
    weights = (tmp_path / "run" / LAST).read_bytes()
    flip_a_byte(tmp_path / "store" / store.put(weights).name)
    adopt_run(store, tmp_path / "run")
    capsys.readouterr()
    train(tmp_path / "again", tmp_path / "store")
    assert capsys.readouterr().out == ""
    assert artifacts(tmp_path / "again") == artifacts(tmp_path / "run")
