"""Loss surfaces and lines: figures, and the view to turn."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pj2.exhibits.surfaces.figure import plot_lines, plot_surfaces
from pj2.exhibits.surfaces.view import write_surface_view
from pj2.store.files import write_table
from tests.exhibits.drawing import words
from tests.exhibits.every_figure import make_lines, make_surfaces


@pytest.fixture
def surfaces(tmp_path: Path) -> list[Path]:
    return make_surfaces(tmp_path)


@pytest.fixture
def lines(tmp_path: Path) -> list[Path]:
    return make_lines(tmp_path)


def test_surfaces_share_their_scales(surfaces, drawn):
    figure = drawn(plot_surfaces, surfaces)
    solids = [axes for axes in figure.axes if axes.name == "3d"]
    assert [axes.get_zlim() for axes in solids] == [pytest.approx(np.log10([0.5, 200.5]))] * 2
    titles = [axes.get_title() for axes in figure.axes]
    assert [title for title in titles if title] == [
        "VGG_A, lr 0.1",
        "VGG_A_BatchNorm, lr 0.1\nrunning statistics",
    ]
    assert "at most 100 training images" in words(figure)


def test_a_surface_with_infinite_corners_is_drawn(surfaces, tmp_path):
    table = pq.ParquetFile(surfaces[0]).read()
    loss = table["loss"].to_numpy().copy()
    loss[0] = math.inf
    write_table(
        surfaces[0], table.set_column(table.schema.get_field_index("loss"), "loss", pa.array(loss))
    )
    plot_surfaces(surfaces, tmp_path / "x")
    write_surface_view(surfaces, tmp_path / "x")


@pytest.mark.filterwarnings("error")
def test_surfaces_of_which_no_loss_is_finite_are_no_error(surfaces, tmp_path, drawn):
    for number, path in enumerate(surfaces):
        table = pq.ParquetFile(path).read()
        infinite = pa.array([math.inf] * len(table))
        write_table(path, table.set_column(table.schema.get_field_index("loss"), "loss", infinite))
        write_surface_view(surfaces, tmp_path / str(number))
        figure = drawn(plot_surfaces, surfaces)
    assert words(figure) == "Loss surfaces: no finite loss was recorded"


def test_lines_have_their_losses_and_barriers(lines, drawn):
    figure = drawn(plot_lines, lines, lines)
    for panel in figure.axes:
        assert [line.get_ydata().tolist() for line in panel.lines] == [[1.0, 2.5, 1.0]] * 2
    assert "VGG_A, from lr 0.1 seed 0 (0) to lr 0.2 seed 0 (1): barrier 1.5 nats." in words(figure)
    alone = drawn(plot_lines, lines, [])
    assert len(alone.axes) == 1
    assert "barrier" not in words(alone)


def test_a_model_without_two_trained_runs_has_no_line_between_them(lines, drawn, tmp_path):
    table = pq.ParquetFile(lines[0]).read()
    write_table(tmp_path / "none", table.slice(0, 0))
    reason = "No line between two runs of VGG_A: fewer than two of them finished an epoch."
    figure = drawn(plot_lines, lines, [tmp_path / "none", lines[1]])
    assert [len(panel.lines) for panel in figure.axes] == [2, 1]
    assert reason in words(figure)
    alone = drawn(plot_lines, lines, [tmp_path / "none"])
    assert len(alone.axes) == 1
    assert reason in words(alone)
    assert "barrier" not in words(alone).lower()


def test_the_view_is_one_file_that_needs_no_network(surfaces, tmp_path):
    write_surface_view(surfaces, tmp_path / "view")
    page = (tmp_path / "view.html").read_text()
    assert "<script src=" not in page
    assert "VGG_A_BatchNorm, lr 0.1" in page
