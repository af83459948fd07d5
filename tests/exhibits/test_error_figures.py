"""Figures of calibration, mistakes and efficiency: the same bytes again, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from safetensors.numpy import save_file

from pj2.errors import UserError
from pj2.exhibits import style
from pj2.exhibits.calibration.figure import plot_reliability
from pj2.exhibits.efficiency.figure import plot_efficiency
from pj2.exhibits.mistakes import figure as mistakes
from pj2.exhibits.mistakes.figure import plot_mistakes, read_pictures
from pj2.runs.reading import load_runs, predictions
from tests.helpers.made_up import CLASSES, make_index, make_run

pytestmark = pytest.mark.filterwarnings("error")  # such as a layout that does not fit
Drawn = Callable[..., Figure]
LABELS = tuple(i % 4 for i in range(40))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """A function that draws and returns the figure, instead of saving it."""
    kept: list[Figure] = []

    def keep(figure: Figure, stem: Path) -> None:
        figure.draw_without_rendering()  # where a layout would fail
        kept.append(figure)

    def draw(plot: Callable[..., None], *arguments: object) -> Figure:
        with matplotlib.rc_context():
            monkeypatch.setattr(style, "save", keep)
            plot(*arguments, Path("unused"))
            monkeypatch.undo()
        return kept.pop()

    return draw


def make_seeds(root: Path, model: str, seeds: int = 1, **more: object) -> list[dict[str, object]]:
    """Runs of one model that are wrong in 8 of 40 images, somewhat differently each seed."""
    entries = []
    for seed in range(seeds):
        source = np.random.default_rng(seed)
        predicted = np.array(LABELS)
        predicted[:8] = (predicted[:8] + 1 + source.integers(0, 3, 8)) % 4
        sure = source.uniform(0.3, 1.0, 40)
        common = {"labels": LABELS, "predicted": predicted, "confidence": sure}
        entries.append(make_run(root, model, [1.0], seed=seed, **common | more))
    return entries


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A prepared data set of 40 test images; image i is of brightness i, its corner red."""
    folder = tmp_path / "data"
    folder.mkdir()
    images = np.repeat(np.arange(40, dtype=np.uint8), 32 * 32 * 3).reshape(40, 32, 32, 3)
    images[:, 0, 0] = (255, 0, 0)
    tensors = {"test_images": images, "test_labels": np.array(LABELS, np.int64)}
    save_file(tensors, folder / "dataset.safetensors")
    return folder


def texts(figure: Figure) -> str:
    """All that a figure says, on one line."""
    return " ".join(
        text.get_text().replace("\n", " ") for text in figure.findobj(matplotlib.text.Text)
    )


def same_bytes(draw: Callable[[Path], None], folder: Path) -> Iterator[bytes]:
    """Draw twice; yield the PNG and the SVG."""
    for name in ("one", "two"):
        draw(folder / name)
    for ending in ("png", "svg"):
        one, two = ((folder / f"{name}.{ending}").read_bytes() for name in ("one", "two"))
        assert one == two
        yield one


def test_equal_data_give_equal_bytes(tmp_path: Path, data: Path) -> None:
    models = ("VGG_A", "VGG_A_BatchNorm", "BasicCNN")
    index = make_index(tmp_path, [run for model in models for run in make_seeds(tmp_path, model)])
    for draw in (
        lambda stem: plot_reliability(index, stem),
        lambda stem: plot_efficiency(index, stem),
        lambda stem: plot_mistakes(index[:1], data, stem),
    ):
        png, _ = same_bytes(draw, tmp_path)
        assert png.startswith(b"\x89PNG")
        with Image.open(tmp_path / "one.png") as image:
            assert image.width == 1400


def test_reliability_draws_seeds_their_pool_and_shares(tmp_path: Path, drawn: Drawn) -> None:
    # Of 4 images three are right at 70 %, in both seeds; one seed is right in all of them at 90 %.
    entries = [
        make_run(tmp_path, "A", [1.0], confidence=0.7),
        make_run(tmp_path, "A", [1.0], seed=1, confidence=0.7),
        make_run(tmp_path, "A", [1.0], seed=2, confidence=0.9, predicted=(0, 1, 2, 3)),
    ]
    figure = drawn(plot_reliability, make_index(tmp_path, entries))
    points, shares = figure.axes
    _, *seeds, pooled = (line.get_xydata() for line in points.lines)
    np.testing.assert_allclose([each[~np.isnan(each[:, 0])][0] for each in seeds],
                               [[70, 75], [70, 75], [90, 100]], rtol=1e-6)  # fmt: skip
    np.testing.assert_allclose(pooled, [[70, 75], [90, 100]], rtol=1e-6)
    (bars,) = shares.patches
    heights, edges, _ = bars.get_data()
    assert heights.sum() == pytest.approx(100)
    assert edges[np.flatnonzero(heights)].tolist() == pytest.approx([200 / 3, 260 / 3])
    assert heights[heights > 0].tolist() == pytest.approx([200 / 3, 100 / 3])
    said = texts(figure)
    assert "ECE 6.67 ± 2.89 % NLL" in said  # 5, 5 and 10 %
    assert "lr 0.001, seeds 0, 1, 2" in said
    assert "all seeds" in said


def test_reliability_shows_the_nine_best_of_many(tmp_path: Path, drawn: Drawn) -> None:
    names = [f"ImprovedCNN.batch_norm-{on}.dropout-0.{i}" for on in ("on", "off") for i in range(6)]
    entries = [
        make_run(tmp_path, name, [1.0], val=(0.5 - 0.01 * place,))
        for place, name in enumerate(names)
    ]
    entries.append(make_run(tmp_path, "Lost", [1.0], val=(), diverged=True))
    figure = drawn(plot_reliability, make_index(tmp_path, entries))
    titles = [axes.get_title(loc="left").replace("\n", "") for axes in figure.axes]
    assert [title for title in titles if title] == names[:9]
    said = texts(figure)
    assert "the 9 models with the best validation accuracy of 12." in said
    assert "No run finished an epoch: Lost." in said


def test_numbers_stand_where_no_points_are(tmp_path: Path, drawn: Drawn) -> None:
    modest = make_run(tmp_path, "A", [1.0], predicted=(0, 1, 2, 3), confidence=0.3)
    proud = make_run(tmp_path, "B", [1.0], predicted=(1, 2, 3, 0), confidence=0.95)
    figure = drawn(plot_reliability, make_index(tmp_path, [modest, proud]))
    places = [axes.texts[0].get_position()[1] < 0.5 for axes in figure.axes if axes.texts]
    assert places == [True, False]


def test_probabilities_that_are_no_numbers_leave_a_panel_empty(
    tmp_path: Path, drawn: Drawn
) -> None:
    run = make_run(tmp_path, "A", [1.0], confidence=np.nan)
    assert "ECE – NLL –" in texts(drawn(plot_reliability, make_index(tmp_path, [run])))


def test_mistakes_are_the_right_pictures_with_their_names(
    tmp_path: Path, data: Path, drawn: Drawn
) -> None:
    predicted, sure = np.array(LABELS), np.full(40, 0.5)
    predicted[[5, 30, 31]] = (predicted[[5, 30, 31]] + 1) % 4
    sure[[5, 30, 31]] = 0.625, 0.875, 0.75
    common = {"labels": LABELS, "predicted": predicted, "confidence": sure}
    other = predicted.copy()
    other[31] = LABELS[31]
    entries = [
        make_run(tmp_path, "A", [1.0], **common),
        make_run(tmp_path, "A", [1.0], seed=1, **common | {"predicted": other}),
        make_run(tmp_path, "A", [1.0], seed=2, **common),
    ]
    figure = drawn(plot_mistakes, make_index(tmp_path, entries), data)
    shown = [axes for axes in figure.axes if axes.images]
    pictures = [np.asarray(axes.images[0].get_array()) for axes in shown]
    assert [picture[5, 5].tolist() for picture in pictures] == [[30] * 3, [5] * 3, [31] * 3]
    assert all(picture[0, 0].tolist() == [255, 0, 0] for picture in pictures)
    assert [axes.get_title() for axes in shown] == [CLASSES[LABELS[i]] for i in (30, 5, 31)]
    assert [axes.get_xlabel() for axes in shown] == [
        "→ cat\n87.5 %, 3/3 seeds",
        "→ bird\n62.5 %, 3/3 seeds",
        "→ plane\n52.8 %, 2/3 seeds",  # the mean of 75, 75 and a third of 25 %
    ]
    assert "Of the 3 of 40 test images that most of 3 seeds get wrong, the 3 with" in texts(figure)


def test_at_most_so_many_mistakes_are_shown(
    tmp_path: Path, data: Path, drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_wrong = [(label + 1) % 4 for label in LABELS]
    run = make_run(tmp_path, "A", [1.0], labels=LABELS, predicted=all_wrong)
    figure = drawn(plot_mistakes, make_index(tmp_path, [run]), data)
    assert sum(bool(axes.images) for axes in figure.axes) == 24
    assert "Of the 40 of 40 test images that it gets wrong, the 24 with" in texts(figure)
    monkeypatch.setattr(mistakes, "_MOST", 7)
    assert len(drawn(plot_mistakes, make_index(tmp_path, [run]), data).axes) == 12


def test_only_the_pictures_of_the_predictions_are_shown(tmp_path: Path, data: Path) -> None:
    index = make_index(tmp_path, make_seeds(tmp_path, "A"))
    seen = predictions(load_runs(index)[0])
    assert seen is not None
    path = data / "dataset.safetensors"
    assert read_pictures(path, seen, [3, 1])[:, 9, 9, 0].tolist() == [3, 1]
    images = np.zeros((40, 32, 32, 3), np.uint8)
    labels = np.array(LABELS, np.int64)
    for tensors in (
        {"test_images": images, "test_labels": labels[::-1].copy()},
        {"test_images": images[:39], "test_labels": labels[:39]},
        {"test_images": images[:39], "test_labels": labels},
        {"test_images": images[..., :1].copy(), "test_labels": labels},
    ):
        save_file(tensors, path)
        with pytest.raises(UserError, match="not the images that these predictions are of"):
            plot_mistakes(index, data, tmp_path / "figure")
    save_file({"test_labels": labels}, path)
    with pytest.raises(UserError, match=r"not a prepared data set: .*test_images"):
        plot_mistakes(index, data, tmp_path / "figure")
    path.write_bytes(b"no tensors")
    with pytest.raises(UserError, match="not a prepared data set"):
        plot_mistakes(index, data, tmp_path / "figure")
    path.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        plot_mistakes(index, data, tmp_path / "figure")
    both = [*make_seeds(tmp_path, "A"), *make_seeds(tmp_path, "B")]
    with pytest.raises(UserError, match="expected those of one model"):
        plot_mistakes(make_index(tmp_path, both), data, tmp_path / "figure")


def test_where_there_is_nothing_to_show_a_figure_says_so(
    tmp_path: Path, data: Path, drawn: Drawn
) -> None:
    lost = make_index(tmp_path, [make_run(tmp_path, "A", [1.0], val=(), diverged=True)])
    for plot, more in ((plot_reliability, ()), (plot_efficiency, ()), (plot_mistakes, (data,))):
        assert texts(drawn(plot, lost, *more)) == "A: no run finished an epoch"
    perfect = {"labels": LABELS, "predicted": LABELS}
    index = make_index(tmp_path, [make_run(tmp_path, "A", [1.0], **perfect)])
    assert texts(drawn(plot_mistakes, index, data)) == "A: all 40 test images are recognised"
    runs = [make_run(tmp_path, "A", [1.0], seed=seed, **perfect) for seed in (0, 1)]
    said = texts(drawn(plot_mistakes, make_index(tmp_path, runs), data))
    assert said == "A: no test image of 40 is taken for another class by most of 2 seeds"


def test_efficiency_draws_points_bars_and_front(tmp_path: Path, drawn: Drawn) -> None:
    right, half = (0, 1, 2, 3), (0, 1, 3, 2)
    entries = [
        make_run(tmp_path, "A", [1.0], parameters=100, macs=5000, seconds=1),
        make_run(tmp_path, "B", [1.0], parameters=1000, macs=5000, seconds=3, predicted=right),
        make_run(tmp_path, "B", [1.0], seed=1, parameters=1000, macs=5000, seconds=5),
        make_run(tmp_path, "C", [1.0], parameters=200, macs=10**9, seconds=2, predicted=half),
    ]
    figure = drawn(plot_efficiency, make_index(tmp_path, entries))
    first, second, third = figure.axes
    steps = first.lines[0]
    assert steps.get_drawstyle() == "steps-post"
    assert steps.get_xydata()[:2].tolist() == [[100, 75], [1000, 87.5]]
    assert second.lines[0].get_xydata()[:1].tolist() == [[5000, 87.5]]
    assert third.lines[0].get_xydata()[:2].tolist() == [[1, 75], [4, 87.5]]
    assert third.get_xscale() == "log"
    bars = [bar.get_segments()[0][:, 1].tolist() for bar in first.collections]
    spread = 100 * np.std([1.0, 0.75], ddof=1)
    assert bars[1] == pytest.approx([87.5 - spread, 87.5 + spread])
    assert bars[0] == pytest.approx([30.06, 95.44], abs=0.01)  # Wilson, 3 of 4
    said = texts(figure)
    assert "standard deviation over 2 seeds; 95 % Wilson interval" in said
    assert "of models with one seed" in said


def test_many_variants_and_equal_costs_stay_apart(tmp_path: Path, drawn: Drawn) -> None:
    names = [f"ImprovedCNN.batch_norm-{on}.dropout-0.{i}" for on in ("on", "off") for i in range(6)]
    entries = [make_run(tmp_path, name, [1.0]) for name in names]
    entries += [make_run(tmp_path, "VGG_A", [1.0], experiment=name) for name in ("e", "f")]
    figure = drawn(plot_efficiency, make_index(tmp_path, entries))
    (legend,) = figure.legends
    handles = legend.legend_handles[:-1]
    looks = {(str(handle.get_color()), str(handle.get_marker())) for handle in handles}
    assert len(looks) == len(handles) == 14
    assert [text.get_text() for text in legend.get_texts()][-3:] == [
        "e/VGG_A", "f/VGG_A", "Pareto front",
    ]  # fmt: skip
    for axes in figure.axes:
        low, high = axes.get_xlim()
        assert 1 <= sum(low <= tick <= high for tick in axes.get_xticks()) <= 4
