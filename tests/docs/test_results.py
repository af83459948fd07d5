"""The numbers in docs/results.md follow from the tables committed beside it."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from scipy import stats

from tests.helpers.repository import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGE = " ".join((DOCS / "results.md").read_text(encoding="utf-8").split())
RUNS = pd.read_csv(DOCS / "results" / "comparison.csv")
PUBLISHED = 82.91


def in_words(values: pd.Series, interval: bool = True) -> str:
    """Mean ± standard deviation and, in brackets, the 95 % Student interval of the mean."""
    text = f"{values.mean():.2f} ± {values.std():.2f}"
    half = stats.t.ppf(0.975, len(values) - 1) * values.std() / math.sqrt(len(values))
    return f"{text} [{values.mean() - half:.2f}, {values.mean() + half:.2f}]" if interval else text


@pytest.mark.parametrize(
    ("column", "row"),
    [
        (
            "test_accuracy",
            "| test accuracy at the epoch that validation chose, % | – | **{}** {} |",
        ),
        ("published_accuracy", "| best test epoch (the published protocol), % | 82.91 | {} {} |"),
        ("val_accuracy", "| validation accuracy at the chosen epoch, % | – | {} {} |"),
    ],
)
def test_accuracies_of_basic_cnn(column: str, row: str) -> None:
    mean, interval = in_words(100 * RUNS[column]).split(" [")
    assert row.format(mean, f"[{interval}") in PAGE


def test_what_is_said_of_basic_cnn() -> None:
    test, best = 100 * RUNS["test_accuracy"], 100 * RUNS["published_accuracy"]
    assert f"| the second less the first, points | – | {in_words(best - test, False)} |" in PAGE
    epochs = RUNS["epochs"]
    assert f"| epochs run | 37 | {epochs.min()} to {epochs.max()} |" in PAGE
    error = best.std() * math.sqrt(1 + 1 / len(best))
    half = stats.t.ppf(0.95, len(best) - 1) * error
    apart = best.mean() - PUBLISHED
    said = f"{apart:.2f} points, 90 % [{apart - half:+.2f}, {apart + half:+.2f}]"
    assert f"Ours less that is {said}" in PAGE
    seeds = f"({test.min():.2f} to {test.max():.2f})"
    assert f"Seeds differ by {test.max() - test.min():.1f} points {seeds}" in PAGE


def test_calibration_of_basic_cnn() -> None:
    (row,) = pd.read_csv(DOCS / "results" / "calibration.csv").to_dict("records")
    error = f"{100 * row['ece_mean']:.2f} ± {100 * row['ece_sd']:.2f}"
    assert f"| expected calibration error, % | – | {error} |" in PAGE
