"""The spectrum of the Hessian: table and figure."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from pj2.exhibits.curvature.figure import plot_curvature
from pj2.exhibits.curvature.table import curvature_table
from pj2.exhibits.format import write_all_formats
from pj2.store.files import write_json
from tests.exhibits.drawing import words
from tests.helpers.made_up import squeezed


@pytest.fixture
def measured(tmp_path):
    """Two models, each at its best and its last weights."""
    config = {"images": 9, "lanczos_steps": 2, "eigenvalues": 2, "vectors": 3, "batch_size": 4}
    paths = []
    for model in ("VGG_A", "VGG_A_BatchNorm"):
        run = {"experiment": "e", "model": model, "lr": "0.1", "seed": 0}
        about = run | {"epoch": 1, "config": config}
        found = {
            "loss": 1.25, "accuracy": 0.5, "largest": [9.0, 4.0], "smallest": [-1.0, -0.5],
            "statistics": "running" if "Batch" in model else "none", "parameters": 30,
            "traces": [10.0, 12.0, 14.0], "nodes": [[-1.0, 0.0, 9.0]] * 3,
            "masses": [[0.2, 1 - 0.2 - 0.6 / 9, 0.6 / 9]] * 3,
        }  # fmt: skip
        paths.append(tmp_path / f"{model}.json")
        both = [found | {"about": about | {"weights": name}} for name in ("best", "last")]
        write_json(paths[-1], both)
    return paths


def test_table(measured, tmp_path):
    write_all_formats(curvature_table(measured[:1]), tmp_path / "t")
    row, _ = pd.read_csv(tmp_path / "t.csv").to_dict("records")
    assert (row["trace"], row["smallest"], row["largest"]) == (12.0, -1.0, "9 4")
    assert row["images_at_most"] == 9
    assert row["trace_error"] == pytest.approx(2 / 3**0.5)
    assert "| 9, 4 | -1 | 12 ± 1.2 |" in squeezed(tmp_path / "t.md")


def test_both_statistics_are_side_by_side_and_a_network_without_batchnorm_in_both(measured, drawn):
    both = json.loads(measured[1].read_text())
    write_json(measured[1], [*both, *(part | {"statistics": "batch"} for part in both)])
    figure = drawn(plot_curvature, measured)
    assert [panel.get_title() for panel in figure.axes] == [
        f"{weights} weights, {statistics} statistics"
        for weights in ("best", "last")
        for statistics in ("running", "batch")
    ]
    for panel in figure.axes:
        assert len(panel.lines) == 4  # both of two models
        (grid, values), (_, other) = (panel.lines[place].get_data() for place in (0, 2))
        np.testing.assert_array_equal(values, other)
        assert np.nansum(values) * (grid[1] - grid[0]) == pytest.approx(1, abs=1e-3)
        assert list(panel.lines[1].get_xdata()) == [9.0, 4.0]
    assert "at most 9 training images" in words(figure)
    assert "standard deviation 2.5" in words(figure)
    assert "at most 4 at a time" in words(figure)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"masses": [[0.2, 0.7, 0.6 / 9]] * 3}, "its integral is 0.967"),
        (
            {"traces": [224.0, 225.0, 223.0]},
            "its mean implies a trace of 12, but the trace is 224 ± 0.58",
        ),
        (
            {"largest": [15.0, 4.0]},
            "with so few steps it ends at an eigenvalue of 9, but the largest is 15",
        ),
    ],
)
def test_a_density_that_is_wrong_is_not_drawn_and_a_line_says_why(measured, drawn, change, why):
    best, last = json.loads(measured[0].read_text())
    write_json(measured[0], [best | change, last])
    figure = drawn(plot_curvature, measured[:1])
    assert [len(panel.lines) for panel in figure.axes] == [1, 2]  # the ticks remain
    assert f"No density of VGG_A (best weights): {why}" in words(figure)


def test_the_weights_that_a_run_began_with_are_not_shown_as_its_best(measured, drawn):
    best, last = json.loads(measured[0].read_text())
    initial = best | {"about": best["about"] | {"weights": "initial", "epoch": None}}
    write_json(measured[0], [initial, last])
    titles = [panel.get_title() for panel in drawn(plot_curvature, measured[:1]).axes]
    assert titles == ["last weights", "initial weights"]
    titles = [panel.get_title() for panel in drawn(plot_curvature, measured).axes]
    assert [title.split(",")[0] for title in titles] == [
        "best weights", "last weights", "initial weights",
    ]  # fmt: skip
    assert [row[2] for row in curvature_table(measured[:1]).rows] == ["initial", "last"]


def test_weights_without_curvature_are_named(measured, drawn):
    """Those at which the loss is not finite, as the last of a run that diverged."""
    best, last = json.loads(measured[0].read_text())
    lists = ("largest", "smallest", "traces", "nodes", "masses")
    last |= {"loss": None, "accuracy": None} | {name: [] for name in lists}
    write_json(measured[0], [best, last])
    figure = drawn(plot_curvature, measured[:1])
    assert "VGG_A (last weights)" in words(figure)
    table = curvature_table(measured[:1])
    assert table.rows[0][4:] == ("1.2500", "9, 4", "-1", "12 ± 1.2")
    assert table.rows[1][4:] == ("not finite", "–", "–", "–")
    assert table.frame["loss"].isna().tolist() == [False, True]
