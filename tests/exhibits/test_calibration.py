"""Whether probabilities are what they say: numbers, table and figure."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from torchmetrics.classification import MulticlassCalibrationError

from pj2.exhibits.calibration.figure import plot_reliability
from pj2.exhibits.calibration.numbers import (
    BINS,
    calibration,
    ece_if_calibrated,
    note_losses,
)
from pj2.exhibits.calibration.table import calibration_table
from pj2.exhibits.format import write_all_formats
from pj2.runs.reading import Predictions, load_runs, predictions
from pj2.statistics import mean_interval
from tests.exhibits.drawing import Drawn, words
from tests.helpers.made_up import make_index, make_run, squeezed

pytestmark = pytest.mark.filterwarnings("error")  # such as of sums that are not quite 1
SMOOTHED = {
    "model": "B", "learning_rate": 1e-3, "seed": 0,
    "loss": {"name": "cross_entropy", "label_smoothing": 0.1},
}  # fmt: skip


def guesses(label, probabilities) -> Predictions:
    given = np.asarray(probabilities, np.float32)
    names = tuple("abcdefghij"[: given.shape[1]])
    return Predictions(names, np.asarray(label), given.argmax(1), given, np.arange(len(given)))


def random_guesses(seed: int, images: int = 3000, scale: float = 3.0) -> Predictions:
    source = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(images, 10, generator=source)
    sure = torch.rand(images, generator=source) < 0.7
    label = torch.where(sure, logits.argmax(1), torch.randint(10, (images,), generator=source))
    return guesses(label.numpy(), logits.softmax(1).numpy())


def test_four_images_by_hand() -> None:
    given = [[0.375, 0.25, 0.25, 0.125], [0.5, 0.25, 0.125, 0.125], [0.875, 0.125, 0, 0]]
    found = calibration([guesses([0, 1, 0, 0], [*given, [1, 0, 0, 0]])], bins=4)
    assert found.bins.edges.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert found.bins.count.tolist() == [0, 2, 0, 2]  # what is on an edge belongs below it
    assert found.bins.share.tolist() == [0, 0.5, 0, 0.5]
    np.testing.assert_array_equal(found.bins.confidence, [np.nan, 0.4375, np.nan, 0.9375])
    np.testing.assert_array_equal(found.bins.accuracy, [np.nan, 0.5, np.nan, 1.0])
    assert found.ece == 0.0625
    assert (found.accuracy, found.confidence) == (0.75, 0.6875)
    assert found.nll == pytest.approx(-math.log(0.375 * 0.25 * 0.875) / 4, rel=1e-12)


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_random_images_agree_with_torch(scale: float) -> None:
    seen = random_guesses(0, scale=scale)
    found = calibration([seen])
    label, given = torch.from_numpy(seen.label), torch.from_numpy(seen.probabilities)
    reference = MulticlassCalibrationError(num_classes=10, n_bins=BINS, norm="l1")
    assert found.ece == pytest.approx(float(reference(given, label)), abs=1e-6)
    assert found.nll == pytest.approx(float(F.nll_loss(given.double().log(), label)), abs=1e-6)
    assert found.confidence == pytest.approx(float(given.max(1).values.mean()), abs=1e-6)
    assert found.accuracy == seen.correct / len(seen.label)
    assert found.bins.count.sum() == len(seen.label)


def test_perfect_probabilities_have_no_error_and_a_constant_its_distance() -> None:
    quarter = np.full((8, 4), 0.25)  # its first class is what it predicts
    found = calibration([guesses([0, 0, 1, 1, 2, 2, 3, 3], quarter)])
    assert found.ece == 0
    assert found.nll == pytest.approx(math.log(4))
    assert calibration([guesses([1, 2, 3, 1], quarter[:4])]).ece == 0.25
    assert calibration([guesses([0] * 4, quarter[:4])]).ece == 0.75


def test_no_probability_makes_an_infinite_loss() -> None:
    found = calibration([guesses([1, 0], [[1, 0, 0], [1, 0, 0]])])
    assert found.nll == pytest.approx(-math.log(np.finfo(np.float64).eps) / 2)
    assert found.ece == 0.5


def test_sums_that_float32_leaves_beside_one_are_mended() -> None:
    above = np.array([[0.5, 0.5, 2e-6], [1.0 + 1e-6, 0, 0]])
    found = calibration([guesses([0, 0], above)])
    assert found.bins.count[-1] == 1
    assert found.nll == pytest.approx(math.log(2) / 2, abs=1e-5)


def expected_ece(confidence: np.ndarray) -> float:
    """By the distribution of a sum of Bernoulli variables in each bin, without a simulation."""
    total = 0.0
    for place in range(BINS):
        inside = confidence[(confidence > place / BINS) & (confidence <= (place + 1) / BINS)]
        mass = np.ones(1)
        for p in inside:
            mass = np.convolve(mass, [1 - p, p])
        total += float(mass @ np.abs(np.arange(len(mass)) - inside.sum()))
    return total / len(confidence)


def sure(confidence: np.ndarray) -> Predictions:
    """Images of 10 classes whose greatest probability is this; what is left is shared evenly."""
    given = np.repeat(((1 - confidence) / 9)[:, None], 10, axis=1)
    given[:, 0] = confidence
    return guesses(np.zeros(len(confidence), int), given)


@pytest.mark.parametrize("images", [1, 20, 300, 2_000])
def test_the_ece_of_a_calibrated_model_is_that_of_its_distribution(images: int) -> None:
    confidence = np.random.default_rng(images).beta(2.5, 3, images) * 0.85 + 0.12
    wanted = expected_ece(confidence.astype(np.float32).astype(float))
    assert ece_if_calibrated(sure(confidence)) == pytest.approx(wanted, rel=0.03)


def test_300_images_make_a_calibrated_model_look_7_percent_off() -> None:
    confidence = np.linspace(0.1, 0.8, 300)  # 45 % on average
    assert ece_if_calibrated(sure(confidence)) == pytest.approx(0.07, abs=0.005)


def test_what_is_certain_is_never_off_and_a_coin_always() -> None:
    assert ece_if_calibrated(sure(np.ones(50))) == 0
    assert ece_if_calibrated(sure(np.array([0.5]))) == pytest.approx(0.5)
    assert np.isnan(ece_if_calibrated(sure(np.array([np.nan, 0.5]))))


def test_several_runs_are_pooled() -> None:
    parts = [random_guesses(seed, images) for seed, images in ((1, 500), (2, 1500))]
    each = [calibration([part]) for part in parts]
    found = calibration(parts)
    assert found.nll == pytest.approx(np.average([one.nll for one in each], weights=[1, 3]))
    assert found.bins.count.tolist() == (each[0].bins.count + each[1].bins.count).tolist()
    assert found.ece <= np.average([one.ece for one in each], weights=[1, 3])


def test_what_is_not_a_number_is_not_measured() -> None:
    found = calibration([guesses([0, 1], [[0.75, 0.25], [np.nan, np.nan]])])
    assert found.accuracy == 0.5
    assert np.isnan([found.nll, found.ece, found.confidence]).all()
    assert found.bins.share.tolist() == [0.0] * BINS


def test_losses_that_change_what_confidence_means_are_named(tmp_path: Path) -> None:
    entries = [
        make_run(tmp_path, "A", [1.0]),
        make_run(tmp_path, "B", [1.0], settings={"loss": {"label_smoothing": 0.1}}),
        make_run(tmp_path, "C", [1.0], settings={"loss": {"name": "squared_error"}}),
    ]
    runs = {run.model: run for run in load_runs(make_index(tmp_path, entries))}
    assert note_losses(runs) == (
        "Label smoothing, which lowers confidence: B (0.1). "
        "Trained with a loss that does not fit probabilities: C (squared error)."
    )
    assert note_losses({"A": runs["A"]}) == ""


@pytest.fixture
def index(tmp_path: Path) -> list[Path]:
    return make_index(
        tmp_path,
        [
            make_run(tmp_path, "A", [2.0], lr="0.1", val=(0.5,)),
            make_run(tmp_path, "A", [2.0], lr="0.2", val=(0.6,), confidence=0.625),
            make_run(tmp_path, "A", [2.0], lr="0.2", seed=1, val=(0.6,), confidence=0.875),
            make_run(tmp_path, "B", [2.0], confidence=0.625, settings=SMOOTHED),
            make_run(tmp_path, "C", [2.0], val=(), diverged=True),
        ],
    )


def test_csv_holds_means_over_the_seeds_of_the_chosen_learning_rate(
    index: list[Path], tmp_path: Path
) -> None:
    write_all_formats(calibration_table(index), tmp_path / "t")
    frame = pd.read_csv(tmp_path / "t.csv")
    one, other = frame.iloc[0], frame.iloc[1]
    assert one[["experiment", "model", "learning_rate"]].tolist() == ["e", "A", 0.2]
    assert one[["seeds", "n", "label_smoothing"]].tolist() == [2, 4, 0]
    # 3 of 4 images are recognised; the one mistake leaves an eighth or a 24th to its class.
    assert one["accuracy_mean"] == 0.75
    assert one["confidence_mean"] == pytest.approx(0.75)
    assert one["ece_mean"] == pytest.approx(0.125)
    # Of 4 images in one bin with confidence p: a sum of 4, binomial, off from 4 p.
    off = [sum(stats.binom.pmf(k, 4, p) * abs(k - 4 * p) for k in range(5)) / 4
           for p in (0.625, 0.875)]  # fmt: skip
    assert one["ece_if_calibrated_mean"] == pytest.approx(np.mean(off), rel=0.05)
    assert one["ece_sd"] == pytest.approx(0.0, abs=1e-7)
    nll = [-(3 * np.log(p) + np.log((1 - p) / 3)) / 4 for p in (0.625, 0.875)]
    wanted = mean_interval(nll)
    assert one[["nll_mean", "nll_sd", "nll_low", "nll_high"]].tolist() == pytest.approx(
        [wanted.mean, wanted.sd, wanted.low, wanted.high]
    )
    assert other["label_smoothing"] == 0.1
    assert other[["nll_sd", "nll_low", "nll_high", "ece_sd"]].isna().all()
    seen = predictions(load_runs(index[1:2])[0])
    assert seen is not None
    measured = calibration([seen])
    assert other[["nll_mean", "ece_mean"]].tolist() == [measured.nll, measured.ece]  # every digit


def test_people_read_percent_and_spread(index: list[Path], tmp_path: Path) -> None:
    write_all_formats(calibration_table(index), tmp_path / "t")
    text = squeezed(tmp_path / "t.md")
    assert "| A | 0.2 | 2 | 4 | 75.00 ± 0.00 | 0.8835 ± 0.0158 |" in text
    assert re.search(r"\| 12\.50 ± 0\.00 \| 1\d\.\d\d ± \d\.\d\d \| 75\.00 ± 17\.68 \|", text)
    assert re.search(
        r"\| B \| 0\.001 \| 1 \| 4 \| 75\.00 \| 0\.8724 \| 12\.50 \| \d+\.\d\d \| 62", text
    )
    assert "expected calibration error, 15 bins" in text
    assert "Label smoothing, which lowers confidence: B (0.1)." in text
    assert "No run finished an epoch: C." in text
    assert r"ECE, \%" in (tmp_path / "t.tex").read_text()


def test_probabilities_that_are_no_numbers_leave_the_accuracy_alone() -> None:
    label = np.array([0, 1])
    given = np.array([[np.nan, 1.0], [0.0, 1.0]], np.float32)
    measured = calibration([Predictions(("a", "b"), label, np.array([1, 1]), given, label)])
    assert measured.accuracy == 0.5
    assert np.isnan([measured.nll, measured.ece, measured.confidence]).all()


def test_a_study_that_diverged_has_an_empty_table(tmp_path: Path) -> None:
    index = make_index(tmp_path, [make_run(tmp_path, "A", [2.0], val=(), diverged=True)])
    write_all_formats(calibration_table(index), tmp_path / "t")
    assert (tmp_path / "t.csv").read_text().startswith("experiment,model,learning_rate,seeds,n,")
    assert "No run finished an epoch: A." in (tmp_path / "t.md").read_text()


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
    said = words(figure)
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
    said = words(figure)
    assert "The 9 of 12 models with the best validation accuracy" in said
    assert "No run finished an epoch: Lost." in said


def test_numbers_stand_where_no_points_are(tmp_path: Path, drawn: Drawn) -> None:
    modest = make_run(tmp_path, "A", [1.0], predicted=(0, 1, 2, 3), confidence=0.3)
    proud = make_run(tmp_path, "B", [1.0], predicted=(1, 2, 3, 0), confidence=0.95)
    figure = drawn(plot_reliability, make_index(tmp_path, [modest, proud]))
    places = [axes.texts[0].get_position()[1] < 0.5 for axes in figure.axes if axes.texts]
    assert places == [True, False]
