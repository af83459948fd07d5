from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from pj2.errors import UserError
from pj2.exhibits import style
from pj2.exhibits.confusion.figure import plot_confusion
from pj2.exhibits.curves import figure as curves
from pj2.exhibits.curves.figure import plot_all_models, plot_curves
from pj2.exhibits.filters.figure import plot_filters
from pj2.exhibits.landscape.figure import plot_landscape
from pj2.exhibits.landscape.numbers import landscape_band
from pj2.runs.reading import load_runs
from pj2.store.files import write_json, write_table
from tests.helpers.made_up import make_index, make_run
from tests.helpers.repository import REPOSITORY

Plot = Callable[[list[Path], Path], None]
DRAW = """
import sys
from pathlib import Path
from tests.exhibits.test_figures import draw_all
draw_all(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def make_study(root: Path) -> list[Path]:
    """Two models, two learning rates, one of four runs diverged; one spike."""
    source = np.random.default_rng(0)
    losses = 2.3 - np.linspace(0, 1, 60) + source.normal(scale=0.1, size=(4, 60))
    losses[0, 1] = 30.0
    return make_index(
        root,
        [
            make_run(root, "VGG_A", losses[0], lr="0.001", val=(0.3, 0.4), test=(0.3, 0.4)),
            make_run(root, "VGG_A", losses[1][:25], lr="0.002", val=(), diverged=True),
            make_run(root, "VGG_A_BatchNorm", losses[2], lr="0.001", val=(0.5, 0.6), test=None),
            make_run(root, "VGG_A_BatchNorm", losses[3], lr="0.002", val=(0.5, 0.5), test=None),
        ],
    )


def draw_all(root: Path, out: Path) -> dict[str, str]:
    """Draw every figure; return the hash of each file."""
    index = sorted(root.glob("index/*/*.json"))
    write_table(root / "band.parquet", landscape_band(load_runs(index)))
    plot_landscape(index, root / "band.parquet", out / "landscape")
    plot_curves(index, out / "curves")
    plot_all_models(index[:1], out / "all")
    plot_confusion(index[:1], out / "confusion")
    plot_filters(index[:1], out / "filters")
    return hashes(out)


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_equal_data_give_equal_bytes_here_and_in_a_fresh_process(tmp_path: Path) -> None:
    make_study(tmp_path)
    once = draw_all(tmp_path, tmp_path / "1")
    assert len(once) == 10
    index = sorted(tmp_path.glob("index/*/*.json"))
    with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": None, "axes.grid": False}):
        plot_landscape(index, tmp_path / "band.parquet", tmp_path / "again" / "landscape")
    assert hashes(tmp_path / "again").items() <= once.items()
    command = [sys.executable, "-c", DRAW, str(tmp_path), str(tmp_path / "2")]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run(command, check=True, env=environment, cwd=REPOSITORY)
    assert hashes(tmp_path / "2") == once
    for path in (tmp_path / "1").iterdir():
        content = path.read_bytes()
        assert b"<dc:date" not in content
        assert matplotlib.__version__.encode() not in content
    with Image.open(tmp_path / "1" / "landscape.png") as image:
        assert image.size[0] == 1000  # 5 inches at 200 dots an inch
        assert not image.text  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("error")  # such as a layout that does not fit
@pytest.mark.parametrize("plot", [plot_curves, plot_confusion, plot_filters])
@pytest.mark.parametrize("losses", [[2.3, 9.0], []])
def test_a_model_whose_runs_all_diverged_still_has_its_figures(
    plot: Plot, losses: list[float], tmp_path: Path
) -> None:
    runs = [
        make_run(tmp_path, "A", losses, lr="1.0", val=(), diverged=True),
        make_run(tmp_path, "A", [], lr="2.0", val=(), diverged=True),
    ]
    plot(make_index(tmp_path, runs), tmp_path / "figure")
    assert (tmp_path / "figure.png").stat().st_size > 1000
    assert (tmp_path / "figure.svg").exists()


@pytest.mark.filterwarnings("error")
def test_long_runs_many_runs_and_seeds_fit(tmp_path: Path) -> None:
    source = np.random.default_rng(0)
    val = np.linspace(0, 0.9, 30)
    runs = [
        make_run(tmp_path, model, source.random(900), lr=lr, seed=seed, val=val, test=None)
        for model in ("BasicCNN", "ImprovedCNN", "A_model_with_a_long_name")
        for lr in ("0.1", "0.01", "0.001", "0.0001", "1e-05")
        for seed in (0, 1)
    ]
    index = make_index(tmp_path, runs)
    plot_curves(index, tmp_path / "curves")
    write_table(tmp_path / "band.parquet", landscape_band(load_runs(index)))
    plot_landscape(index, tmp_path / "band.parquet", tmp_path / "landscape")
    with pytest.raises(UserError, match=r"holds the bands of .*; expected those of BasicCNN"):
        plot_landscape(index[:1], tmp_path / "band.parquet", tmp_path / "landscape")


def test_seeds_are_thin_lines_with_their_mean_and_a_band_of_one_deviation(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, "A", [2.0, 1.0, 0.5], seed=seed, val=val, test=None)
        for seed, val in enumerate([(0.2, 0.4, 0.5), (0.4, 0.8)])
    ]
    figures: list[Figure] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "save", lambda figure, stem: figures.append(figure))
        plot_curves(make_index(tmp_path, runs), tmp_path / "curves")
    axes = figures[0].axes[3]  # validation accuracy
    *thin, mean = [line for line in axes.lines if line.get_marker() in ("None", "o")][-3:]
    chosen = [line for line in axes.lines if line.get_linestyle() == "None"]
    assert len(chosen) == 2
    assert mean.get_xydata().tolist() == [[1, pytest.approx(30)], [2, pytest.approx(60)]]
    assert all(line.get_linewidth() < mean.get_linewidth() for line in thin)
    edges = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert edges.min() == pytest.approx(30 - 100 * np.std([0.2, 0.4], ddof=1))
    assert edges.max() == pytest.approx(60 + 100 * np.std([0.4, 0.8], ddof=1))


@pytest.mark.filterwarnings("error")
def test_a_crowd_of_runs_is_a_picture_with_a_short_legend(tmp_path: Path) -> None:
    rates = [f"{i}e-05" for i in range(1, 61)]
    runs = [
        make_run(
            tmp_path, "VGG_A", np.full(500, 1.0 + i / 60), lr=lr, diverged=i % 6 == 0, val=(0.5,)
        )
        for i, lr in enumerate(rates)
    ]
    index = make_index(tmp_path, runs)
    texts: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "note", lambda figure, *sentences: texts.extend(sentences))
        patch.setattr(
            style, "heading", lambda figure, title, handles, columns: texts.append(len(handles))
        )
        plot_curves(index, tmp_path / "curves")
    assert 30 in texts
    assert "The legend names 30 of 60 learning rates." in texts
    assert any("1e-05, seed 0 at step 500" in str(t) and "and 5 more" in str(t) for t in texts)
    svg = (tmp_path / "curves.svg").read_text()
    assert "<image" in svg
    assert len(svg) < 1_000_000


@pytest.mark.filterwarnings("error")
def test_a_model_without_a_convolution_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path, "A", [1.0])
    path = Path(run["folder"]) / "run.json"
    write_json(path, {**json.loads(path.read_text()), "first_conv": None})
    plot_filters(make_index(tmp_path, [run]), tmp_path / "filters")
    assert (tmp_path / "filters.svg").exists()


def test_a_hundred_classes_and_grey_filters_fit(tmp_path: Path) -> None:
    labels = list(range(100)) * 2
    run = make_run(
        tmp_path, "A", [1.0], labels=labels, predicted=labels[::-1],
        classes=[f"class_{i}" for i in range(100)],
        filters=np.ones((11, 1, 5, 5), np.float32),
    )  # fmt: skip
    index = make_index(tmp_path, [run])
    plot_confusion(index, tmp_path / "confusion")
    plot_filters(index, tmp_path / "filters")


def test_filters_are_in_order_on_one_symmetric_scale(tmp_path: Path) -> None:
    filters = np.zeros((8, 3, 1, 1), np.float32)
    filters[1, 0] = 2.0  # the layer's largest magnitude, in red
    filters[2, 2] = -1.0
    (index,) = make_index(tmp_path, [make_run(tmp_path, "A", [1.0], filters=filters)])
    plot_filters([index], tmp_path / "figure")
    with Image.open(tmp_path / "figure.png") as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20)}
    grey = 127
    assert {(grey, grey, grey), (255, grey, grey), (grey, grey, 63)} <= colours


@pytest.mark.parametrize("plot", [plot_confusion, plot_filters])
def test_figures_of_one_model_refuse_two(plot: Plot, tmp_path: Path) -> None:
    runs = [make_run(tmp_path, "A", [1.0]), make_run(tmp_path, "B", [1.0])]
    with pytest.raises(UserError, match="expected those of one model"):
        plot(make_index(tmp_path, runs), tmp_path / "figure")


def test_weights_that_are_no_images_are_named(tmp_path: Path) -> None:
    flat = np.ones((4, 5, 3, 3), np.float32)
    index = make_index(tmp_path, [make_run(tmp_path, "A", [1.0], filters=flat)])
    with pytest.raises(UserError, match=r"features\.0\.weight has shape \[4, 5, 3, 3\]"):
        plot_filters(index, tmp_path / "figure")
    other = make_run(tmp_path, "A", [1.0], first_conv="stem.weight")
    with pytest.raises(UserError, match=r"best\.safetensors: stem\.weight"):
        plot_filters(make_index(tmp_path, [other]), tmp_path / "figure")
    (tmp_path / other["folder"] / "best.safetensors").unlink()
    with pytest.raises(UserError, match="cannot be read"):
        plot_filters(make_index(tmp_path, [other]), tmp_path / "figure")


def test_a_model_in_two_experiments_has_two_looks(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, "VGG_A", [2.0] * 4, lr=lr, experiment=experiment)
        for experiment, lr in (("one", "0.1"), ("one", "0.2"), ("two", "0.1"))
    ]
    looks, handles = curves._looks(load_runs(make_index(tmp_path, runs)))
    assert len({(look["color"], str(look["linestyle"])) for look in looks}) == 3
    labels = [handle.get_label() for handle in handles]
    assert labels == ["one/VGG_A, lr 0.1", "one/VGG_A, lr 0.2", "two/VGG_A, lr 0.1"]
