from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pj2.exhibits.calibration.numbers import calibration
from pj2.exhibits.calibration.table import calibration_table
from pj2.exhibits.format import write_all_formats
from pj2.runs.reading import load_runs, predictions
from pj2.statistics import mean_interval
from tests.helpers.made_up import make_index, make_run, squeezed

pytestmark = pytest.mark.filterwarnings("error")
SMOOTHED = {
    "model": "B", "learning_rate": 1e-3, "seed": 0,
    "loss": {"name": "cross_entropy", "label_smoothing": 0.1},
}  # fmt: skip


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
    assert "12.50 ± 0.00 | 75.00 ± 17.68 |" in text
    assert "| B | 0.001 | 1 | 4 | 75.00 | 0.8724 | 12.50 | 62.50 |" in text
    assert "15 bins of confidence" in text
    assert "Label smoothing, which lowers confidence: B (0.1)." in text
    assert "No run finished an epoch: C." in text
    assert r"ECE, \%" in (tmp_path / "t.tex").read_text()


def test_probabilities_that_are_no_numbers_are_dashes(tmp_path: Path) -> None:
    index = make_index(tmp_path, [make_run(tmp_path, "A", [2.0], confidence=np.nan)])
    write_all_formats(calibration_table(index), tmp_path / "t")
    assert "| 25.00 | – | – | – |" in squeezed(tmp_path / "t.md")


def test_a_study_that_diverged_has_an_empty_table(tmp_path: Path) -> None:
    index = make_index(tmp_path, [make_run(tmp_path, "A", [2.0], val=(), diverged=True)])
    write_all_formats(calibration_table(index), tmp_path / "t")
    assert (tmp_path / "t.csv").read_text().startswith("experiment,model,learning_rate,seeds,n,")
    assert "No run finished an epoch: A." in (tmp_path / "t.md").read_text()
