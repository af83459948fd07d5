"""A run whose results outlived the store, or came without it."""

from __future__ import annotations

import pytest
from small_run import artifacts, flip_a_byte, open_folder, train

from pj2.training.adopt import adopt_run
from pj2.training.artifacts import BEST, LAST, RUN

DIVERGES = {"learning_rate": 1e12, "optimizer": {"name": "sgd"}}


@pytest.mark.parametrize("changes", [{}, {"epochs": 1}, DIVERGES, {"learning_rate": 0.03}])
def test_it_is_restored_without_training(tmp_path, capsys, changes):
    first = train(tmp_path / "run", tmp_path / "lost", **changes)
    store = open_folder(tmp_path / "store")
    assert adopt_run(store, tmp_path / "run")
    assert not adopt_run(store, tmp_path / "run")  # it is there now
    capsys.readouterr()
    assert train(tmp_path / "again", store, **changes) == first
    assert capsys.readouterr().out == ""
    for path in (tmp_path / "run").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


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
