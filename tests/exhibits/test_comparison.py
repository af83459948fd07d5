"""The tables of runs, and of models over their seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pj2.exhibits.comparison.summary import summary_table
from pj2.exhibits.comparison.table import comparison_table
from pj2.exhibits.format import write_all_formats
from pj2.statistics import wilson_interval
from tests.helpers.made_up import make_index, make_run, squeezed

LABELS = [0, 1, 2, 3] * 5


@pytest.fixture
def comparison(tmp_path: Path) -> Path:
    runs = [
        make_run(tmp_path, "A", [2.0, 1.0, 1.0], val=(0.5, 0.75, 0.7), test=(0.4, 0.6, 0.65)),
        make_run(tmp_path, "A", [2.0], lr="1e-05", val=(0.5,), test=None, status="stopped_early"),
        make_run(tmp_path, "B", [2.0] * 1234, val=(), test=None, diverged=True),
    ]
    write_all_formats(
        comparison_table(make_index(tmp_path, runs)), tmp_path / "tables" / "comparison"
    )
    return tmp_path / "tables" / "comparison"


def test_csv_holds_fractions_at_full_precision(comparison: Path) -> None:
    frame = pd.read_csv(f"{comparison}.csv")
    first = frame.iloc[0]
    assert frame["status"].tolist() == ["completed", "stopped_early", "diverged"]
    assert first[["experiment", "model", "learning_rate", "seed"]].tolist() == ["e", "A", 0.001, 0]
    assert first[["parameters", "macs", "epochs", "best_epoch"]].tolist() == [
        1234567,
        7654321,
        3,
        2,
    ]
    assert first[["val_accuracy", "val_low", "val_high"]].tolist() == [
        0.75, *wilson_interval(15, 20),
    ]  # fmt: skip
    # Test accuracy is that of predictions.parquet (3 of 4), not of epochs.parquet.
    assert first[["test_accuracy", "test_low", "test_high"]].tolist() == [
        0.75, *wilson_interval(3, 4),
    ]  # fmt: skip
    assert first["test_n"] == 4
    assert first[["published_accuracy", "published_epoch"]].tolist() == [0.65, 3]
    assert frame["published_accuracy"].isna().tolist() == [False, True, True]
    assert frame["test_accuracy"].isna().tolist() == [False, False, True]
    assert frame["diverged_at_step"].tolist()[2] == 1234
    lines = Path(f"{comparison}.csv").read_text().splitlines()
    assert lines[3].startswith("e,B,0.001,0,diverged,1234,1234567,7654321,0,,val_accuracy,,,,,,")


def test_people_read_percent_intervals_and_n(comparison: Path) -> None:
    lines = squeezed(Path(f"{comparison}.md")).splitlines()
    header, rows = lines[2], lines[4:]
    assert "Best test epoch (published protocol), %" in header
    assert "75.00 [53.13, 88.81] | 20 | 75.00 [30.06, 95.44] | 4 | 65.00 [" in rows[0]
    assert "| A | 1e-05 | 0 | stopped early |" in rows[1]
    assert "| – | 2 | 1,000 | fp32 | Made-up CPU, 1 thread |" in rows[1]
    assert "| diverged at step 1,234 | 1,234,567 | 7,654,321 | 0 | – | – | – | – |" in rows[2]
    assert r"75.00 [53.13, 88.81]" in Path(f"{comparison}.tex").read_text()


def guesses(wrong: int) -> list[int]:
    return [(label + (place < wrong)) % 4 for place, label in enumerate(LABELS)]


@pytest.fixture
def summary(tmp_path: Path) -> Path:
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


def test_over_seeds_mean_deviation_and_student_interval(summary: Path) -> None:
    frame = pd.read_csv(f"{summary}.csv").set_index("model")
    row = frame.loc["A"]
    test = np.array([0.8, 0.7, 0.75])
    assert (row["seeds"], row["diverged"], row["interval"]) == (3, 1, "student")
    assert row["test_mean"] == pytest.approx(0.75)
    assert row["test_sd"] == pytest.approx(test.std(ddof=1))
    half = stats.t.ppf(0.975, 2) * test.std(ddof=1) / 3**0.5
    assert row[["test_low", "test_high"]].tolist() == pytest.approx([0.75 - half, 0.75 + half])
    assert row["val_mean"] == pytest.approx((0.7 + 0.6 + 0.8) / 3)
    # Run by run: 0.85 − 0.80, 0.70 − 0.70, 0.75 − 0.75.
    assert row["excess_mean"] == pytest.approx(0.05 / 3)
    assert row["excess_sd"] == pytest.approx(np.std([0.05, 0, 0], ddof=1))
    assert row["best_epoch_mean"] == pytest.approx((2 + 1 + 2) / 3)
    assert (row["epochs_mean"], row["seconds_mean"]) == (2, 4)  # of those that finished an epoch


def test_of_one_seed_the_interval_is_wilsons_and_says_so(summary: Path) -> None:
    row = pd.read_csv(f"{summary}.csv").set_index("model").loc["B"]
    assert (row["seeds"], row["interval"], row["images"]) == (1, "wilson", 20)
    assert tuple(row[["test_low", "test_high"]]) == wilson_interval(18, 20)
    assert np.isnan(row["test_sd"])
    assert row[["published_mean", "excess_mean"]].isna().all()  # the test split was read once


def test_people_read_percent_and_a_model_without_results_stays(summary: Path) -> None:
    text = squeezed(Path(f"{summary}.md"))
    assert "| A | 0.001 | 3 | 1 | 1,234,567 | 70.00 ± 10.00 [45.16, 94.84] |" in text
    assert "| 1.67 ± 2.89 [0.00, 8.84] |" in text
    assert "| C | 0.001 | 0 | 1 | 1,234,567 | – | – | – | – |" in text
