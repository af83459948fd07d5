"""What is true of every figure."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from pj2.errors import UserError
from pj2.exhibits.confusion.figure import plot_confusion
from pj2.exhibits.curves.figure import plot_all_models, plot_curves
from pj2.exhibits.filters.figure import plot_filters
from pj2.exhibits.landscape.figure import plot_landscape
from pj2.exhibits.landscape.numbers import landscape_band
from pj2.runs.reading import load_runs
from pj2.store.files import write_table
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


@pytest.mark.parametrize("plot", [plot_confusion, plot_filters])
def test_figures_of_one_model_refuse_two(plot: Plot, tmp_path: Path) -> None:
    runs = [make_run(tmp_path, "A", [1.0]), make_run(tmp_path, "B", [1.0])]
    with pytest.raises(UserError, match="expected those of one model"):
        plot(make_index(tmp_path, runs), tmp_path / "figure")
