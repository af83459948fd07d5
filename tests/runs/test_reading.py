from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pj2.errors import UserError
from pj2.notebook import load_model
from pj2.runs.reading import (
    at_best_epoch,
    chosen_run,
    class_shares,
    count_classes,
    epochs,
    load_runs,
    model_names,
    one_model,
    predictions,
    steps,
    steps_per_epoch,
)
from pj2.store.records import write_record
from tests.helpers.made_up import make_index, make_run


def test_runs_come_in_the_order_of_the_index_files_each_once(tmp_path: Path) -> None:
    listed = [make_run(tmp_path, "A", [2.0], lr="0.1"), make_run(tmp_path, "A", [2.0], lr="1e-05")]
    make_run(tmp_path, "A", [2.0], lr="0.2")  # an older run in the folder, not in the index
    other = make_run(tmp_path, "B", [2.0], experiment="f")
    paths = make_index(tmp_path, [*listed, other])
    runs = load_runs([paths[1], *paths])
    assert [(r.experiment, r.model, r.lr) for r in runs] == [
        ("f", "B", "0.001"), ("e", "A", "0.1"), ("e", "A", "1e-05"),
    ]  # fmt: skip
    assert runs[2].learning_rate == 1e-5
    assert one_model(runs[1:]) == "A"
    with pytest.raises(UserError, match="runs of B, A; expected those of one model"):
        one_model(runs)


def test_every_file_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, "A", [2.0]), make_run(tmp_path, "B", [2.0])]
    good, second = make_index(tmp_path, runs)
    (Path(runs[1]["folder"]) / "run.json").write_text('{"status": "completed"}')
    garbled, absent, empty = tmp_path / "g.json", tmp_path / "absent.json", tmp_path / "e.json"
    garbled.write_text("{")
    write_record(empty, {"runs": [{"experiment": "e"}]})
    with pytest.raises(UserError) as caught:
        load_runs([garbled, good, second, absent, empty])
    lines = caught.value.problems
    assert len(lines) == 4
    assert not any("\n" in line for line in lines)
    assert "g.json: is damaged: not valid JSON" in lines[0]
    assert "run.json: has no digest: another version wrote it" in lines[1]
    assert "absent.json: is missing" in lines[2]
    assert "e.json: is damaged, or another version wrote it: study: Field required" in lines[3]


def test_recordings_are_read_as_they_were_written(tmp_path: Path) -> None:
    entry = make_run(tmp_path, "A", [2.5, 2.0, 1.5, 1.0], val=(0.25, 0.5), test=None)
    (run,) = load_runs(make_index(tmp_path, [entry]))
    recorded = steps(run)
    assert recorded["loss"].dtype == "float32"
    assert recorded["loss"].tolist() == [2.5, 2.0, 1.5, 1.0]
    assert steps_per_epoch(run, recorded) == 2
    assert epochs(run)["test_accuracy"].isna().all()
    best = at_best_epoch(run)
    assert best is not None
    assert best["val_accuracy"] == 0.5
    guesses = predictions(run)
    assert guesses is not None
    assert guesses.classes == ("plane", "car", "bird", "cat")
    assert guesses.correct == 3


def test_a_run_that_diverged_at_once_has_classes_but_no_trained_network(tmp_path: Path) -> None:
    labels = [0, 1, 1, 2, 3, 3, 3, 3]
    entry = make_run(
        tmp_path, "VGG_A", [2.0], val=(), labels=labels, predicted=labels, diverged=True
    )
    (run,) = load_runs(make_index(tmp_path, [entry]))
    assert predictions(run) is None
    assert count_classes(run) == 4
    assert class_shares(run).tolist() == [0.125, 0.25, 0.125, 0.5]
    with pytest.raises(UserError, match="seed=0: the run diverged, and no epoch of it was chosen"):
        load_model(run)


def test_unusable_recordings_are_named(tmp_path: Path) -> None:
    (run,) = load_runs(make_index(tmp_path, [make_run(tmp_path, "A", [2.5, 2.0, 1.5])]))
    table = pq.read_table(run.folder / "steps.parquet")
    pq.write_table(table.take([0, 2]), run.folder / "steps.parquet")
    with pytest.raises(UserError, match=r"steps\.parquet: step is not 0, 1, 2"):
        steps(run)
    pq.write_table(pa.table({"epoch": [0]}), run.folder / "epochs.parquet")
    with pytest.raises(UserError, match=r"epochs\.parquet: has no column train_loss"):
        epochs(run)
    (run.folder / "predictions.parquet").write_bytes(b"no parquet")
    with pytest.raises(UserError, match=r"predictions\.parquet: not a readable Parquet file"):
        predictions(run)
    (run.folder / "predictions.parquet").unlink()
    with pytest.raises(UserError, match=r"predictions\.parquet: cannot be read"):
        predictions(run)


def test_the_chosen_run_is_best_on_validation_whatever_the_test_says(tmp_path: Path) -> None:
    entries = [
        make_run(tmp_path, "A", [2.0, 1.0], lr="0.1", val=(0.7, 0.4), test=(0.1, 0.1)),
        make_run(tmp_path, "A", [2.0, 1.0], lr="0.2", val=(0.6, 0.6), test=(0.9, 0.9)),
        make_run(tmp_path, "A", [2.0, 1.0], lr="0.3", val=(0.7, 0.6), test=(0.9, 0.9)),
        make_run(tmp_path, "A", [2.0, 1.0], lr="0.4", val=(0.9,), diverged=True),
        make_run(tmp_path, "A", [2.0], lr="0.5", val=(), test=None, diverged=True),
    ]
    runs = load_runs(make_index(tmp_path, entries))
    assert chosen_run(runs).lr == "0.1"
    assert chosen_run(runs[:0:-1]).lr == "0.3"
    assert chosen_run([runs[4], runs[3]]).lr == "0.4"
    assert chosen_run(runs[4:]).lr == "0.5"
    assert predictions(runs[4]) is None
    assert steps_per_epoch(runs[4], steps(runs[4])) == 10  # of 100 images in batches of 10


def test_a_model_is_named_with_its_experiment_only_if_it_is_in_two(tmp_path: Path) -> None:
    entries = [make_run(tmp_path, m, [1.0], experiment=e) for m, e in ["Ae", "Af", "Be"]]
    names = model_names(load_runs(make_index(tmp_path, entries)))
    assert list(names.values()) == ["e/A", "f/A", "B"]


def test_nothing_here_imports_torch() -> None:
    code = (
        "import sys, pkgutil, importlib, json, pj2.compare, pj2.exhibits\n"
        "for package in (pj2.compare, pj2.exhibits):\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = json.loads(done.stdout)
    assert "pj2.exhibits.curves.figure" in modules
    assert "torch" not in modules


def test_epochs_are_floats_even_if_a_column_is_all_null(tmp_path: Path) -> None:
    (run,) = load_runs(make_index(tmp_path, [make_run(tmp_path, "A", [2.0], test=None)]))
    frame: pd.DataFrame = epochs(run)
    assert (frame.dtypes[1:] == "float64").all()
