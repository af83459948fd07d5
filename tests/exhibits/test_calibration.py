from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torchmetrics.classification import MulticlassCalibrationError

from pj2.exhibits.calibration.numbers import BINS, calibration, note_losses
from pj2.runs.reading import Predictions, load_runs
from tests.helpers.made_up import make_index, make_run

pytestmark = pytest.mark.filterwarnings("error")  # such as of sums that are not quite 1


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
    def settings(**loss: object) -> dict[str, object]:
        return {"loss": {"name": "cross_entropy", "label_smoothing": 0.0} | loss}

    entries = [
        make_run(tmp_path, "A", [1.0]),
        make_run(tmp_path, "B", [1.0], settings=settings(label_smoothing=0.1)),
        make_run(tmp_path, "C", [1.0], settings=settings(name="squared_error")),
    ]
    runs = {run.model: run for run in load_runs(make_index(tmp_path, entries))}
    assert note_losses(runs) == (
        "Label smoothing, which lowers confidence: B (0.1). "
        "Trained with a loss that asks for no probabilities: C (squared error)."
    )
    assert note_losses({"A": runs["A"]}) == ""
