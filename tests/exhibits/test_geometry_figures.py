"""Figures of probes, surfaces, lines and curvature: the same bytes again, and what they say."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from pj2.errors import UserError
from pj2.exhibits.curvature.figure import plot_curvature
from pj2.exhibits.measured import with_description
from pj2.exhibits.probes.covariate_shift import plot_covariate_shift
from pj2.exhibits.probes.figure import plot_probes
from pj2.exhibits.surfaces.figure import plot_lines, plot_surfaces
from pj2.exhibits.surfaces.view import write_surface_view
from pj2.store.files import write_json, write_table
from tests.helpers.made_up import make_index, make_run, probes_of

CONFIG = {"points": 5, "images": 100, "split": "train", "seed": 0}
MODELS = ("VGG_A", "VGG_A_BatchNorm")


def about(model: str) -> dict[str, object]:
    return {
        "experiment": "e", "model": model, "lr": "0.1", "seed": 0, "epoch": 1,
        "weights": "best", "sha256": "ab", "config": CONFIG,
    }  # fmt: skip


@pytest.fixture
def index(tmp_path: Path) -> list[Path]:
    losses = [[1.0, 2.0, 30.0], [1.0, 2.0, math.inf]]
    probes = probes_of(losses, [[0.1, 0.2, 0.3], [0.1, 0.2, math.inf]])
    entries = [
        make_run(
            tmp_path, model, [2.0] * 20, lr="0.1", diverged=model == "VGG_A", probes=probes
        )
        for model in MODELS
    ]  # fmt: skip
    return make_index(tmp_path, entries)


@pytest.fixture
def surfaces(tmp_path: Path) -> list[Path]:
    paths = []
    places = np.linspace(-1, 1, 5)
    for model, height in zip(MODELS, (1.0, 100.0), strict=True):
        alpha, beta = (each.ravel() for each in np.meshgrid(places, places))
        table = pa.table(
            {
                "row": np.repeat(np.arange(5), 5), "column": np.tile(np.arange(5), 5),
                "alpha": alpha, "beta": beta, "loss": 0.5 + height * (alpha**2 + beta**2),
                "accuracy": np.ones(25),
            }
        )  # fmt: skip
        paths.append(tmp_path / f"{model}.surface.parquet")
        write_table(paths[-1], with_description(table, about(model)))
    return paths


@pytest.fixture
def lines(tmp_path: Path) -> list[Path]:
    paths = []
    for model in MODELS:
        table = pa.table({"alpha": [0.0, 0.5, 1.0], "loss": [1.0, 2.5, 1.0], "accuracy": [1.0] * 3})
        paths.append(tmp_path / f"{model}.line.parquet")
        described = about(model) | {"other": about(model) | {"lr": "0.2"}}
        write_table(paths[-1], with_description(table, described))
    return paths


def assert_drawn_alike(draw, tmp_path: Path) -> str:
    """Draw twice; return the SVG."""
    for name in ("one", "two"):
        draw(tmp_path / name)
    for ending in ("png", "svg"):
        one, two = ((tmp_path / f"{name}.{ending}").read_bytes() for name in ("one", "two"))
        assert one == two
    assert Image.open(tmp_path / "one.png").width == 1400
    return (tmp_path / "one.svg").read_text()


def test_probes(index, tmp_path):
    assert_drawn_alike(lambda stem: plot_probes(index, stem), tmp_path)


def test_covariate_shift(index, tmp_path):
    assert_drawn_alike(lambda stem: plot_covariate_shift(index, stem), tmp_path)


def test_runs_without_probes_are_a_line(tmp_path):
    plain = make_index(tmp_path, [make_run(tmp_path, "VGG_A", [2.0] * 4)])
    with pytest.raises(UserError, match="no probed runs"):
        plot_probes(plain, tmp_path / "x")
    with pytest.raises(UserError, match="no covariate shift"):
        plot_covariate_shift(plain, tmp_path / "x")


def test_surfaces(surfaces, tmp_path):
    assert_drawn_alike(lambda stem: plot_surfaces(surfaces, stem), tmp_path)


def test_a_surface_with_infinite_corners_is_drawn(surfaces, tmp_path):
    import pyarrow.parquet as pq

    table = pq.ParquetFile(surfaces[0]).read()
    loss = table["loss"].to_numpy().copy()
    loss[0] = math.inf
    write_table(surfaces[0], table.set_column(4, "loss", pa.array(loss)))
    plot_surfaces(surfaces, tmp_path / "x")
    write_surface_view(surfaces, tmp_path / "x")


def test_lines(lines, tmp_path):
    assert_drawn_alike(lambda stem: plot_lines(lines, lines, stem), tmp_path)
    assert_drawn_alike(lambda stem: plot_lines(lines, [], stem), tmp_path)


def test_the_view_is_one_file_that_needs_no_network(surfaces, tmp_path):
    for name in ("one", "two"):
        write_surface_view(surfaces, tmp_path / name)
    page = (tmp_path / "one.html").read_text()
    assert page == (tmp_path / "two.html").read_text()
    assert "<script src=" not in page
    assert "VGG_A_BatchNorm, lr 0.1" in page


def test_curvature(tmp_path):
    paths = []
    for model in MODELS:
        one = {
            "about": about(model) | {"config": {"images": 9, "lanczos_steps": 8, "eigenvalues": 2}},
            "loss": 1.0, "accuracy": 0.5, "largest": [9.0, 4.0], "smallest": [-1.0, -0.5],
            "traces": [10.0, 12.0], "grid": np.linspace(-1, 9, 50).tolist(),
            "density": np.linspace(1, 1e-12, 50).tolist(),
        }  # fmt: skip
        last = json.loads(json.dumps(one))
        last["about"]["weights"] = "last"
        paths.append(tmp_path / f"{model}.json")
        write_json(paths[-1], [one, last])
    assert_drawn_alike(lambda stem: plot_curvature(paths, stem), tmp_path)
