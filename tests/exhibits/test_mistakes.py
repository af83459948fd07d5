"""The images that most seeds get wrong: numbers and figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from pj2.errors import UserError
from pj2.exhibits.calibration.figure import plot_reliability
from pj2.exhibits.efficiency.figure import plot_efficiency
from pj2.exhibits.mistakes import figure as mistakes
from pj2.exhibits.mistakes.figure import plot_mistakes, read_pictures
from pj2.exhibits.mistakes.numbers import Mistake, confident_mistakes
from pj2.runs.reading import Predictions, load_runs, predictions
from tests.exhibits.drawing import Drawn, words
from tests.helpers.made_up import CLASSES, make_index, make_run

ANIMALS = ("cat", "dog", "fox")
pytestmark = pytest.mark.filterwarnings("error")  # such as a layout that does not fit
LABELS = tuple(i % 4 for i in range(40))


def seed(label, probabilities, index=None) -> Predictions:
    given = np.asarray(probabilities, np.float32)
    index = np.arange(len(label)) if index is None else np.asarray(index)
    return Predictions(ANIMALS, np.asarray(label), given.argmax(1), given, index)


def test_one_seed_by_falling_probability_equals_in_order() -> None:
    given = [[0.25, 0.75, 0], [0.25, 0.5, 0.25], [1, 0, 0], [0, 0.25, 0.75]]
    found = confident_mistakes([seed([0, 0, 0, 1], given, index=[10, 11, 12, 13])])
    assert found == [
        Mistake(10, "cat", "dog", 0.75, 1),
        Mistake(13, "dog", "fox", 0.75, 1),
        Mistake(11, "cat", "dog", 0.5, 1),
    ]


def test_three_seeds_by_hand() -> None:
    label = [0, 0, 0, 0]
    found = confident_mistakes(
        [
            # wrong in: all three; two of three; one; all three, each time otherwise sure
            seed(label, [[0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 0.75, 0.25]]),
            seed(label, [[0, 0.5, 0.5], [0, 0, 1], [1, 0, 0], [0, 0.25, 0.75]]),
            seed(label, [[0.25, 0, 0.75], [1, 0, 0], [1, 0, 0], [0, 0, 1]]),
        ]
    )
    third = pytest.approx(1 / 3)
    assert found == [
        Mistake(3, "cat", "fox", pytest.approx(2 / 3), 3),  # by two votes
        Mistake(0, "cat", "dog", 0.5, 3),  # its second seed names the first of two equals
        Mistake(1, "cat", "dog", third, 2),  # one vote each, equal means: the first class
    ]


def test_equally_many_votes_are_decided_by_the_mean() -> None:
    found = confident_mistakes([seed([0], [[0, 0.5, 0.25]]), seed([0], [[0, 0, 1]])])
    assert found == [Mistake(0, "cat", "fox", 0.625, 2)]


def test_half_of_the_seeds_are_not_most() -> None:
    assert confident_mistakes([seed([0], [[1, 0, 0]]), seed([0], [[0, 0, 1]])]) == []


def test_votes_stand_without_numbers() -> None:
    sure = seed([1, 1], [[0, 0.25, 0.75], [0.5, 0.25, 0.25]])
    broken = Predictions(
        ANIMALS, sure.label, np.array([0, 0]), np.full((2, 3), np.nan, np.float32), sure.index
    )
    assert confident_mistakes([broken, sure]) == [
        Mistake(0, "dog", "cat", 0.0, 2),
        Mistake(1, "dog", "cat", 0.0, 2),
    ]


def test_other_images_are_refused() -> None:
    one = seed([0, 1], [[1, 0, 0], [1, 0, 0]])
    for other in (
        seed([0, 2], one.probabilities),
        seed([0, 1], one.probabilities, index=[0, 2]),
        seed([0], one.probabilities[:1]),
    ):
        with pytest.raises(UserError, match="they cover different images"):
            confident_mistakes([one, other])


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
    assert "Of 40 test images, most of 3 seeds get 3 wrong; these 3 have" in words(figure)


def test_at_most_so_many_mistakes_are_shown(
    tmp_path: Path, data: Path, drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_wrong = [(label + 1) % 4 for label in LABELS]
    run = make_run(tmp_path, "A", [1.0], labels=LABELS, predicted=all_wrong)
    figure = drawn(plot_mistakes, make_index(tmp_path, [run]), data)
    assert sum(bool(axes.images) for axes in figure.axes) == 24
    assert "Of 40 test images, the model gets 40 wrong; these 24 have" in words(figure)
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
        assert words(drawn(plot, lost, *more)) == "A: no run finished an epoch"
    perfect = {"labels": LABELS, "predicted": LABELS}
    index = make_index(tmp_path, [make_run(tmp_path, "A", [1.0], **perfect)])
    assert words(drawn(plot_mistakes, index, data)) == "A: all 40 test images are recognised"
    runs = [make_run(tmp_path, "A", [1.0], seed=seed, **perfect) for seed in (0, 1)]
    said = words(drawn(plot_mistakes, make_index(tmp_path, runs), data))
    assert said == "A: none of 40 test images is misclassified by most of 2 seeds"


def test_a_class_without_a_name_is_drawn(tmp_path: Path, data: Path, drawn: Drawn) -> None:
    classes = ("", *"bcd")
    run = make_run(tmp_path, "A", [1.0], labels=LABELS, predicted=[1] * 40, classes=classes)
    figure = drawn(plot_mistakes, make_index(tmp_path, [run]), data)
    assert "" in [axes.get_title() for axes in figure.axes[:24]]
