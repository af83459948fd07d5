"""Curves of loss and accuracy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pj2.exhibits import style
from pj2.exhibits.curves import figure as curves
from pj2.exhibits.curves.figure import plot_curves
from pj2.runs.reading import load_runs
from tests.exhibits.drawing import Drawn
from tests.helpers.made_up import make_index, make_run


def test_seeds_are_thin_lines_with_their_mean_and_a_band_of_one_deviation(
    tmp_path: Path, drawn: Drawn
) -> None:
    runs = [
        make_run(tmp_path, "A", [2.0, 1.0, 0.5], seed=seed, val=val, test=None)
        for seed, val in enumerate([(0.2, 0.4, 0.5), (0.4, 0.8)])
    ]
    axes = drawn(plot_curves, make_index(tmp_path, runs)).axes[3]  # validation accuracy
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


def test_a_model_in_two_experiments_has_two_looks(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, "VGG_A", [2.0] * 4, lr=lr, experiment=experiment)
        for experiment, lr in (("one", "0.1"), ("one", "0.2"), ("two", "0.1"))
    ]
    looks, handles = curves._looks(load_runs(make_index(tmp_path, runs)))
    assert len({(look["color"], str(look["linestyle"])) for look in looks}) == 3
    labels = [handle.get_label() for handle in handles]
    assert labels == ["one/VGG_A, lr 0.1", "one/VGG_A, lr 0.2", "two/VGG_A, lr 0.1"]
