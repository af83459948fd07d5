from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from pj2.exhibits import style
from pj2.exhibits.pairwise.figure import plot_differences
from tests.helpers.made_up import make_index, make_run

LONG = "VGG_A_NoisyBatchNorm.label_smoothing-0.1"


def run_of(root: Path, model: str, share: float, seed: int, **more: Any) -> dict[str, Any]:
    right = np.random.default_rng([seed, len(model)]).random(60) < share
    predicted = (~right).astype(int).tolist()
    return make_run(root, model, [2.0], seed=seed, labels=[0] * 60, predicted=predicted, **more)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved, which are saved all the same."""
    figures: list[Figure] = []
    save = style.save

    def keep(figure: Figure, stem: Path) -> None:
        figures.append(figure)
        save(figure, stem)

    monkeypatch.setattr(style, "save", keep)
    return figures


def words(figure: Figure) -> str:
    axes = figure.axes[0].texts if figure.axes else []
    return " ".join(text.get_text() for text in [*axes, *figure.texts]).replace("\n", " ")


def note_of(figure: Figure) -> str:
    return figure.get_supxlabel().replace("\n", " ")


@pytest.mark.filterwarnings("error")  # such as a layout that does not fit
def test_a_line_a_pair_with_its_seeds_and_verdict(tmp_path: Path, drawn: list[Figure]) -> None:
    runs = [
        run_of(tmp_path, model, share, seed)
        for model, share in (("VGG_A", 0.9), (LONG, 0.3), ("BasicCNN", 0.9))
        for seed in (0, 1, 2)
    ]
    runs.append(run_of(tmp_path, "ResidualCNN", 0.9, 0))  # one seed in common with the others
    plot_differences(make_index(tmp_path, runs), tmp_path / "f")
    (figure,) = drawn
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert len(names) == 6
    assert names[:2] == [f"VGG_A\n− {LONG}", "VGG_A − BasicCNN"]
    dots = [line.get_xdata() for line in axes.lines if line.get_marker() == "o"]
    assert [len(seeds) for seeds in dots] == [3, 3, 3]  # type: ignore[arg-type]
    verdicts = [text.get_text().split("  ")[1] for text in axes.texts]
    assert verdicts[0] == "higher"
    assert verdicts[1] == verdicts[2] == "not settled"
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["95 %, other seeds and images", "95 %, other images", "one seed"]
    assert "1 to 3 seeds of both models" in note_of(figure)
    with Image.open(tmp_path / "f.png") as image:
        assert image.size[0] == 1400
        assert image.size[1] > 6 * 60


def test_equal_data_give_equal_bytes(tmp_path: Path) -> None:
    runs = [run_of(tmp_path, model, 0.9, seed) for model in ("A", "Bee") for seed in (0, 1)]
    index = make_index(tmp_path, runs)
    for name in ("one", "two"):
        plot_differences(index, tmp_path / name)
    for ending in ("png", "svg"):
        one, two = ((tmp_path / f"{name}.{ending}").read_bytes() for name in ("one", "two"))
        assert one == two


@pytest.mark.filterwarnings("error")
def test_one_seed_says_that_others_may_differ(tmp_path: Path, drawn: list[Figure]) -> None:
    runs = [run_of(tmp_path, "VGG_A", 0.9, 0), run_of(tmp_path, "BasicCNN", 0.3, 0)]
    plot_differences(make_index(tmp_path, runs), tmp_path / "f")
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["95 %, other images"]
    assert "higher for this seed" in words(drawn[0])
    assert "other seeds may differ" in note_of(drawn[0])
    assert "1 seed of both models" in note_of(drawn[0])


@pytest.mark.filterwarnings("error")
def test_one_model_has_a_figure_that_says_so(tmp_path: Path, drawn: list[Figure]) -> None:
    runs = [
        run_of(tmp_path, "VGG_A", 0.9, 0),
        run_of(tmp_path, "BasicCNN", 0.3, 0, val=(), diverged=True),
    ]
    plot_differences(make_index(tmp_path, runs), tmp_path / "f")
    assert "There are no two models to compare. BasicCNN, lr 0.001, seed 0 diverged" in words(
        drawn[0]
    )
    assert (tmp_path / "f.svg").exists()
