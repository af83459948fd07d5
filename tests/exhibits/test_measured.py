"""Surfaces put together, and the barrier between two runs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from pj2.errors import UserError
from pj2.exhibits.measured import (
    GRID_COLUMNS,
    LINE_COLUMNS,
    as_grid,
    barrier,
    describe,
    gather_surface,
    read_curvature,
    read_measured,
    with_description,
)
from pj2.runs.reading import load_runs
from pj2.store.files import write_json, write_table
from tests.helpers.made_up import make_index, make_run

ABOUT = {
    "experiment": "e", "model": "VGG_A", "lr": "0.1", "seed": 0, "epoch": 1, "weights": "best",
    "sha256": "ab", "config": {"points": 3},
}  # fmt: skip


def rows(path, first, count, about=ABOUT):
    places = [(r, c) for r in range(first, first + count) for c in range(3)]
    table = pa.table(
        {
            "row": [r for r, _ in places],
            "column": [c for _, c in places],
            "statistics": ["none"] * len(places),
            "alpha": [c - 1.0 for _, c in places],
            "beta": [2 * (r - 1.0) for r, _ in places],
            "loss": [10.0 * r + c for r, c in places],
            "accuracy": [0.5] * len(places),
        }
    )
    write_table(path, with_description(table, about))
    return path


def test_rows_become_a_grid_whatever_their_order(tmp_path):
    parts = [rows(tmp_path / "b", 2, 1), rows(tmp_path / "a", 0, 2)]
    write_table(tmp_path / "s", gather_surface(parts))
    alpha, beta, loss = as_grid(read_measured(tmp_path / "s", GRID_COLUMNS))
    assert (alpha.tolist(), beta.tolist()) == ([-1, 0, 1], [-2, 0, 2])
    np.testing.assert_array_equal(loss, [[0, 1, 2], [10, 11, 12], [20, 21, 22]])


def test_missing_rows_and_rows_of_other_weights_are_refused(tmp_path):
    part = rows(tmp_path / "a", 0, 2)
    with pytest.raises(UserError, match="do not make 3 rows of 3"):
        gather_surface([part])
    other = rows(tmp_path / "b", 2, 1, ABOUT | {"sha256": "cd"})
    with pytest.raises(UserError, match="measured at other weights"):
        gather_surface([part, other])


def line(path, losses):
    alpha = np.linspace(0, 1, len(losses))
    table = pa.table(
        {
            "statistics": ["batch"] * len(losses),
            "alpha": alpha,
            "loss": losses,
            "accuracy": [0.5] * len(losses),
        }
    )
    write_table(path, with_description(table, ABOUT))
    return read_measured(path, LINE_COLUMNS)


def test_the_barrier_is_above_the_line_between_the_ends(tmp_path):
    assert barrier(line(tmp_path / "a", [1.0, 4.0, 3.0])) == pytest.approx(2.0)
    assert barrier(line(tmp_path / "b", [1.0, 0.5, 3.0])) == 0.0


def test_a_barrier_over_a_loss_that_is_not_finite_is_infinite(tmp_path):
    assert barrier(line(tmp_path / "line.parquet", [1.0, np.nan, 1.0])) == np.inf


def test_a_table_without_a_description_is_a_line(tmp_path):
    write_table(
        tmp_path / "t",
        pa.table({"statistics": ["none"], "alpha": [0.0], "loss": [1.0], "accuracy": [1.0]}),
    )
    with pytest.raises(UserError, match="no description of the measured run"):
        read_measured(tmp_path / "t", LINE_COLUMNS)


def test_a_foreign_json_is_a_line(tmp_path):
    (tmp_path / "c.json").write_text('[{"about": {}}]')
    with pytest.raises(UserError, match=r"another version wrote it: 0\.about\.experiment: Field"):
        read_curvature(tmp_path / "c.json")


def test_weights_are_described_as_what_they_are(tmp_path):
    """A run that diverged in its first epoch has, as its best weights, those it began with."""
    entries = [
        make_run(tmp_path, "A", [2.0] * 6, lr="0.1", val=(0.5, 0.6, 0.4), test=None),
        make_run(tmp_path, "A", [2.0], lr="1.0", val=(), test=None, diverged=True),
    ]
    ends = [
        describe(run, weights, {})
        for run in load_runs(make_index(tmp_path, entries))
        for weights in ("best", "last")
    ]
    assert [(end["weights"], end["epoch"]) for end in ends] == [
        ("best", 1), ("last", 2), ("initial", None), ("last", None),
    ]  # fmt: skip
    nothing = {"statistics": "none", "loss": None, "parameters": 0}
    lists = ("largest", "smallest", "traces", "nodes", "masses")
    nothing |= {name: [] for name in lists}
    write_json(tmp_path / "c.json", [{"about": end, **nothing} for end in ends])
    assert [part["about"] for part in read_curvature(tmp_path / "c.json")] == ends
