"""A run whose results outlived the store, or came without it."""

from __future__ import annotations

import filecmp
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pj2.runs.adopt import adopt_run
from pj2.runs.files import BEST, EPOCHS, LAST, PREDICTIONS, RUN, STEPS
from pj2.store.files import sha256_file
from tests.helpers.small_run import artifacts, flip_a_byte, open_folder, train

DIVERGES = {"learning_rate": 1e12, "optimizer": {"name": "sgd"}}
PROBED = {"probe": {"every": 5, "steps": 2, "covariate_shift": True}}
RARELY = {"probe": {"every": 1000, "steps": 2}}


@pytest.mark.parametrize(
    "changes",
    [{}, {"epochs": 1}, DIVERGES, {"learning_rate": 0.03}, PROBED, RARELY, DIVERGES | PROBED],
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
    (run / RUN).write_text(json.dumps(record))
    (run / PREDICTIONS).write_bytes((other / PREDICTIONS).read_bytes())
    assert not adopt_run(open_folder(tmp_path / "store"), run)
    assert "predictions are not of its weights" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (PREDICTIONS, b"not Parquet", "is not a Parquet file"),
        (STEPS, b"not Parquet", "is not a Parquet file"),
        (EPOCHS, b"PAR1, its start and end only, PAR1", "is not a Parquet file"),
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
    (run / RUN).write_text(json.dumps(record))
    capsys.readouterr()
    assert not adopt_run(open_folder(tmp_path / "store"), run)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{run}: {name}")
    assert words in line
    assert not (tmp_path / "store").exists()


def test_a_record_without_a_fact_is_a_line(tmp_path, capsys):
    train(tmp_path / "run", tmp_path / "lost")
    record = json.loads((tmp_path / "run" / RUN).read_text())
    del record["macs"]
    (tmp_path / "run" / RUN).write_text(json.dumps(record))
    capsys.readouterr()
    assert not adopt_run(open_folder(tmp_path / "store"), tmp_path / "run")
    assert "run.json has no macs; the run is not" in capsys.readouterr().out


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
