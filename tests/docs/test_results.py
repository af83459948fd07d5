"""The numbers in docs/results.md and results-default.md follow from the tables beside them."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from scipy import stats

from tests.helpers.repository import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGE = " ".join(
    word
    for name in ("results.md", "results-default.md")
    for word in (DOCS / name).read_text(encoding="utf-8").split()
)
RUNS = pd.read_csv(DOCS / "results" / "comparison.csv")
PUBLISHED = 82.91
README = " ".join((REPOSITORY / "README.md").read_text(encoding="utf-8").split())


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
    more = "| best test epoch less the epoch that validation chose, points | – |"
    assert f"{more} {in_words(best - test, False)} |" in PAGE
    epochs = RUNS["epochs"]
    assert f"| epochs run | 37 | {epochs.min()} to {epochs.max()} |" in PAGE
    error = best.std() * math.sqrt(1 + 1 / len(best))
    half = stats.t.ppf(0.95, len(best) - 1) * error
    apart = best.mean() - PUBLISHED
    said = f"{apart:.2f} points, 90 % [{apart - half:+.2f}, {apart + half:+.2f}]"
    assert f"Ours less that is {said}" in PAGE
    seeds = f"({test.min():.2f} to {test.max():.2f})"
    assert f"Seeds differ by {test.max() - test.min():.1f} points {seeds}" in PAGE


def test_what_the_readme_says_of_basic_cnn_and_of_the_bands() -> None:
    test, best = 100 * RUNS["test_accuracy"], 100 * RUNS["published_accuracy"]
    less = f"{PUBLISHED - best.mean():.2f} points less"
    assert f"{in_words(best, False)} % by its protocol, {less}" in README
    assert (
        f"where validation chooses the epoch, {in_words(test, False)} % | {len(RUNS)} |" in README
    )
    (width,), (steps,) = (
        set(BANDS[name].round(2)) for name in ("common_median_width", "common_steps")
    )
    assert f"Over {steps:,} steps the median width of each band is {width} nats" in README


def test_calibration_of_basic_cnn() -> None:
    (row,) = pd.read_csv(DOCS / "results" / "calibration.csv").to_dict("records")
    error = f"{100 * row['ece_mean']:.2f} ± {100 * row['ece_sd']:.2f}"
    assert f"| expected calibration error, % | – | {error} |" in PAGE


# The default study

DEFAULT = pd.read_csv(DOCS / "results" / "default" / "comparison.csv")
BANDS, RATES = (
    pd.read_csv(DOCS / "results" / "default" / f"{name}.csv").set_index("model")
    for name in ("landscape", "learning_rates")
)
PLAIN, NORMALISED = "VGG_A", "VGG_A_BatchNorm"


def test_accuracies_of_the_default_study() -> None:
    trained = DEFAULT[DEFAULT["experiment"] != "probes"]
    for (model, rate), runs in trained.groupby(["model", "learning_rate"]):
        accuracy = 100 * runs["test_accuracy"]
        if len(runs) > 1:
            shown = in_words(accuracy)
        else:
            low, high = (100 * runs[f"test_{end}"].item() for end in ("low", "high"))
            shown = f"{accuracy.item():.2f} [{low:.2f}, {high:.2f}]"
        digits, power = f"{rate:.0e}".split("e")
        assert f"| {model} | {digits}e{int(power)} | {len(runs)} | {shown} |" in PAGE


def test_what_is_said_of_the_default_study() -> None:
    means = DEFAULT[DEFAULT["experiment"] == "comparison"].groupby("model")["test_accuracy"].mean()
    apart = 100 * (means["ImprovedCNN"] - means["BasicCNN"])
    assert f"more accurate than BasicCNN by {apart:.2f} points: both" in PAGE
    widths = BANDS["common_median_width"]
    assert {f"{width:.2f}" for width in widths} == {"0.48"}
    assert "(medians 0.48 nats each, 1,128 steps, one seed)" in PAGE
    assert set(BANDS["common_steps"]) == {1128}
    relative = BANDS["common_relative_width"]
    said = f"medians are {relative[PLAIN]:.2f} and, with BatchNorm, {relative[NORMALISED]:.2f}"
    assert said in PAGE
    sensitivity = RATES["sensitivity"]
    said = f"{sensitivity[PLAIN]:.3f} nats, and with BatchNorm {sensitivity[NORMALISED]:.3f}"
    assert said in PAGE
    losses = {model: RATES.loc[model, "final_losses"].split() for model in (PLAIN, NORMALISED)}
    pairs = zip(losses[NORMALISED], losses[PLAIN], strict=True)
    assert all(float(normalised) < float(plain) for normalised, plain in pairs)
    assert RATES.loc[PLAIN, "hardly_learned"] == 0.01
    assert pd.isna(RATES.loc[NORMALISED, "hardly_learned"])
