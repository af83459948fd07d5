from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pj2.exhibits.comparison.summary import summary_table
from pj2.exhibits.format import write_all_formats
from pj2.statistics import wilson_interval
from tests.helpers.made_up import make_index, make_run, squeezed

LABELS = [0, 1, 2, 3] * 5


def guesses(wrong: int) -> list[int]:
    return [(label + (place < wrong)) % 4 for place, label in enumerate(LABELS)]


@pytest.fixture
def stem(tmp_path: Path) -> Path:
    def run(model, seed, wrong, val, test, **more):
        return make_run(
            tmp_path, model, [2.0, 1.0], seed=seed, val=val, test=test, labels=LABELS,
            predicted=guesses(wrong), **more,
        )  # fmt: skip

    runs = [
        run("A", 0, 4, (0.5, 0.7), (0.85, 0.8)),
        run("A", 1, 6, (0.6, 0.5), (0.7, 0.7)),
        run("A", 2, 5, (0.6, 0.8), (0.7, 0.75)),
        make_run(tmp_path, "A", [9.0], seed=3, val=(), diverged=True),
        run("B", 0, 2, (0.6,), None),
        make_run(tmp_path, "C", [9.0], val=(), diverged=True),
    ]
    write_all_formats(summary_table(make_index(tmp_path, runs)), tmp_path / "summary")
    return tmp_path / "summary"


def test_over_seeds_mean_deviation_and_student_interval(stem: Path) -> None:
    frame = pd.read_csv(f"{stem}.csv").set_index("model")
    row = frame.loc["A"]
    test = np.array([0.8, 0.7, 0.75])
    assert (row["seeds"], row["diverged"], row["interval"]) == (3, 1, "student")
    assert row["test_mean"] == pytest.approx(0.75)
    assert row["test_sd"] == pytest.approx(test.std(ddof=1))
    half = stats.t.ppf(0.975, 2) * test.std(ddof=1) / 3**0.5
    assert row[["test_low", "test_high"]].tolist() == pytest.approx([0.75 - half, 0.75 + half])
    assert row["val_mean"] == pytest.approx((0.7 + 0.6 + 0.8) / 3)
    # Run by run: 0.85 − 0.80, 0.70 − 0.70, 0.75 − 0.75.
    assert row["bias_mean"] == pytest.approx(0.05 / 3)
    assert row["bias_sd"] == pytest.approx(np.std([0.05, 0, 0], ddof=1))
    assert row["best_epoch_mean"] == pytest.approx((2 + 1 + 2) / 3)


def test_of_one_seed_the_interval_is_wilsons_and_says_so(stem: Path) -> None:
    row = pd.read_csv(f"{stem}.csv").set_index("model").loc["B"]
    assert (row["seeds"], row["interval"], row["images"]) == (1, "wilson", 20)
    assert tuple(row[["test_low", "test_high"]]) == wilson_interval(18, 20)
    assert np.isnan(row["test_sd"])
    assert row[["published_mean", "bias_mean"]].isna().all()  # the test split was read once


def test_people_read_percent_and_a_model_without_results_stays(stem: Path) -> None:
    text = squeezed(Path(f"{stem}.md"))
    assert "| A | 0.001 | 3 | 1 | 1,234,567 | 70.00 ± 10.00 [45.16, 94.84] |" in text
    assert "| 1.67 ± 2.89 [-5.50, 8.84] |" in text
    assert "| C | 0.001 | 0 | 1 | 1,234,567 | – | – | – | – |" in text
