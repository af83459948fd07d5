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
    config = {"images": 9, "lanczos_steps": 8, "eigenvalues": 2}
    paths = []
    for model in ("VGG_A", "VGG_A_BatchNorm"):
        run = {"experiment": "e", "model": model, "lr": "0.1", "seed": 0}
        about = run | {"epoch": 1, "config": config}
        found = {
            "loss": 1.25, "accuracy": 0.5, "largest": [9.0, 4.0], "smallest": [-1.0, -0.5],
            "traces": [10.0, 12.0, 14.0], "grid": [-1.0, 2.0, 9.0], "density": [1.0, 0.5, 1e-12],
        }  # fmt: skip
        paths.append(tmp_path / f"{model}.json")
        both = [found | {"about": about | {"weights": name}} for name in ("best", "last")]
        write_json(paths[-1], both)
    return paths


def test_table(measured, tmp_path):
    write_all_formats(curvature_table(measured[:1]), tmp_path / "t")
    row, _ = pd.read_csv(tmp_path / "t.csv").to_dict("records")
    assert (row["trace"], row["smallest"], row["largest"]) == (12.0, -1.0, "9 4")
    assert row["trace_error"] == pytest.approx(2 / 3**0.5)
    assert "| 9, 4 | -1 | 12 ± 1.2 |" in squeezed(tmp_path / "t.md")


def test_figure_has_a_panel_for_each_weights_and_marks_eigenvalues(measured, drawn):
    figure = drawn(plot_curvature, measured)
    assert [panel.get_title() for panel in figure.axes] == ["best weights", "last weights"]
    for panel in figure.axes:
        density, eigenvalues, *_ = panel.lines
        assert len(panel.lines) == 4  # both of two models
        np.testing.assert_array_equal(density.get_ydata(), [1.0, 0.5, np.nan])  # the far tail
        assert list(eigenvalues.get_xdata()) == [9.0, 4.0]
    assert "at most 9 training images" in words(figure)


def test_weights_without_curvature_are_named(measured, drawn):
    """Those at which the loss is not finite, as the last of a run that diverged."""
    best, last = json.loads(measured[0].read_text())
    lists = ("largest", "smallest", "traces", "grid", "density")
    last |= {"loss": None, "accuracy": None} | {name: [] for name in lists}
    write_json(measured[0], [best, last])
    figure = drawn(plot_curvature, measured[:1])
    assert "VGG_A (last weights)" in words(figure)
    table = curvature_table(measured[:1])
    assert table.rows[0][3:] == ("1.2500", "9, 4", "-1", "12 ± 1.2")
    assert table.rows[1][3:] == ("not finite", "–", "–", "–")
    assert table.frame["loss"].isna().tolist() == [False, True]
