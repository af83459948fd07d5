"""The numbers in docs/results.md and results-default.md follow from the tables beside them."""

from __future__ import annotations

import math
import re

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
PLAIN, NORMALISED = "VGG_A", "VGG_A_BatchNorm"
README, CHINESE, BATCHNORM = (
    " ".join((REPOSITORY / name).read_text(encoding="utf-8").split())
    for name in ("README.md", "README.zh-CN.md", "docs/batchnorm.md")
)


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


def test_what_the_readme_says_of_basic_cnn() -> None:
    test, best = 100 * RUNS["test_accuracy"], 100 * RUNS["published_accuracy"]
    less = f"{PUBLISHED - best.mean():.2f} points less"
    assert f"{in_words(best, False)} % by its protocol, {less}" in README
    assert (
        f"where validation chooses the epoch, {in_words(test, False)} % | {len(RUNS)} |" in README
    )


def test_calibration_of_basic_cnn() -> None:
    (row,) = pd.read_csv(DOCS / "results" / "calibration.csv").to_dict("records")
    error = f"{100 * row['ece_mean']:.2f} ± {100 * row['ece_sd']:.2f}"
    assert f"| expected calibration error, % | – | {error} |" in PAGE


# The published study

PAPER = DOCS / "results" / "paper"
RUNS_OF_PAPER = pd.read_csv(PAPER / "comparison.csv").set_index("experiment")
EIGHT = RUNS_OF_PAPER.loc["landscape"]
EPOCHS = pd.read_csv(PAPER / "epochs.csv")
SHARED, OWN = (
    pd.read_csv(PAPER / f"bands-{batches}.csv").set_index(["model", "epoch"])
    for batches in ("shared", "own")
)
PAPER_BANDS, PAPER_RATES = (
    pd.read_csv(PAPER / f"{table}.csv").set_index("model")
    for table in ("landscape", "learning_rates")
)


def times(edges: pd.DataFrame, epoch: int) -> float:
    """The width with BatchNorm divided by that without."""
    return float(edges.loc[(NORMALISED, epoch), "width"] / edges.loc[(PLAIN, epoch), "width"])


def test_bands_of_the_published_study() -> None:
    assert (EIGHT["epochs"] == 6).all()
    for epoch in range(1, 7):
        edges = [
            f"{SHARED.loc[(model, epoch), 'min']:.2f} to {SHARED.loc[(model, epoch), 'max']:.2f}"
            for model in (PLAIN, NORMALISED)
        ]
        ratios = [f"{times(each, epoch):.2f}" for each in (SHARED, OWN)]
        assert f"| {' | '.join([str(epoch), *edges, *ratios])} |" in PAGE
    for each in (SHARED, OWN):
        assert [times(each, epoch) > 1 for epoch in range(1, 7)] == [True] * 2 + [False] * 4
    sixth, other = f"{times(SHARED, 6):.2f}", f"{times(OWN, 6):.2f}"
    assert f"the ratio of the sixth, {other}," in PAGE
    assert f"and {sixth} times as wide in the sixth" in README
    assert f"in the sixth {sixth} times as wide ({other} with other batches" in README
    assert f"in the sixth {sixth} times as wide ({other} where each rate" in BATCHNORM
    assert f"第六轮为 {sixth} 倍宽（各学习率用不同批次时为 {other}）" in CHINESE


def test_runs_of_the_published_study() -> None:
    sixth = EPOCHS[(EPOCHS["experiment"] == "landscape") & (EPOCHS["epoch"] == 5)]
    last = sixth.set_index(["model", "learning_rate"])["train_loss"]
    for run in EIGHT.to_dict("records"):
        digits, power = f"{run['learning_rate']:.0e}".split("e")
        loss = last[run["model"], run["learning_rate"]]
        test, low, high = (100 * run[f"test_{of}"] for of in ("accuracy", "low", "high"))
        rate = f"{digits}e{int(power)}"
        row = f"| {run['model']} | {rate} | {loss:.2f} | {test:.2f} [{low:.2f}, {high:.2f}] |"
        assert row in PAGE
    assert (EIGHT["best_epoch"] == 6).all()
    assert last[NORMALISED].max() < last[PLAIN].min()


def test_what_is_said_of_the_published_study() -> None:
    width = PAPER_BANDS["common_median_width"]
    (claim,) = pd.read_csv(PAPER / "published.csv").query("kind == 'narrower_band'")["reason"]
    (least, greatest) = re.findall(r"(\d\.\d\d) to (\d\.\d\d) times with any", claim)[0]
    (steps,) = set(PAPER_BANDS["common_steps"])
    said = f"Over all {steps:,} steps the ratio of the median widths is "
    said += f"{width[NORMALISED] / width[PLAIN]:.2f}, and {least} to {greatest} with any one rate"
    assert said in PAGE
    relative, sensitivity = PAPER_BANDS["common_relative_width"], PAPER_RATES["sensitivity"]
    said = f"medians are {relative[PLAIN]:.2f} and, with BatchNorm, {relative[NORMALISED]:.2f}"
    assert said in PAGE
    said = f"is {sensitivity[PLAIN]:.3f} nats without and {sensitivity[NORMALISED]:.3f} with it"
    assert said in PAGE
    at = EIGHT[EIGHT["learning_rate"] == 1e-3].set_index("model")
    apart = 100 * (at.loc[NORMALISED, "test_accuracy"] - at.loc[PLAIN, "test_accuracy"])
    assert f"ahead by {apart:.1f} points of test accuracy" in PAGE
    minutes, speed = at.loc[PLAIN, "seconds"] / 6 / 60, at.loc[PLAIN, "images_per_second"]
    assert f"took {minutes:.1f} minutes an epoch ({speed:.0f} images/s)" in PAGE


CNNS = RUNS_OF_PAPER.loc["comparison"].set_index("model")
AFTER_FIVE = {"BasicCNN": 73, "ImprovedCNN": 84, "ResidualCNN": 79.5}  # the report's figure


def test_the_cnns_of_the_published_study() -> None:
    own = EPOCHS[EPOCHS["experiment"] == "comparison"].set_index(["epoch", "model"])
    for epoch in range(5):
        cells = [
            f"{100 * own.loc[(epoch, model), f'{split}_accuracy']:.2f}"
            for model in AFTER_FIVE
            for split in ("val", "test")
        ]
        assert f"| {' | '.join([str(epoch + 1), *cells])} |" in PAGE
    fifth = 100 * own.loc[4]["test_accuracy"]
    apart = [f"{fifth[model] - published:+.2f}" for model, published in AFTER_FIVE.items()]
    assert f"Ours less the report's are {apart[0]}, {apart[1]} and {apart[2]} points" in PAGE
    improved = CNNS.loc["ImprovedCNN"]
    low, high = (f"{100 * improved[f'test_{end}']:.2f}" for end in ("low", "high"))
    assert improved["best_epoch"] == 4
    said = f"{100 * improved['test_accuracy']:.2f} % [{low}, {high}]"
    assert said in PAGE
    fell = 100 * own.loc[(3, "ImprovedCNN"), "test_accuracy"] - fifth["ImprovedCNN"]
    assert f"lost {fell:.1f} points of test accuracy from the fourth epoch to the fifth" in PAGE
    minutes = (CNNS["seconds"] / 60).loc[list(AFTER_FIVE)]
    assert "took {:.0f}, {:.0f} and {:.0f} minutes".format(*minutes) in PAGE


def test_what_a_second_thread_changes() -> None:
    one = pd.read_csv(PAPER / "residual-one-thread.csv").set_index("epoch")["test_accuracy"]
    two = EPOCHS[EPOCHS["model"] == "ResidualCNN"].set_index("epoch")["test_accuracy"]
    assert f"ended at {100 * one[4]:.2f} %" in PAGE
    apart = 100 * (two - one).abs()
    assert f"from {apart.min():.2f} to {apart.max():.2f} points apart" in PAGE


def test_verdicts_on_the_published_study() -> None:
    verdicts = pd.read_csv(PAPER / "published.csv").set_index("kind")["verdict"]
    assert list(verdicts[verdicts == "agrees"].index) == ["parameters"] * 5
    assert list(verdicts[verdicts == "cannot tell"].index) == ["accuracy"] * 3
    others = {"not comparable", "not tested here", "cannot tell"}
    assert set(verdicts[verdicts != "agrees"]) == others
    assert all(f"*{verdict}*" in PAGE for verdict in others)


# The default study

DEFAULT = pd.read_csv(DOCS / "results" / "default" / "comparison.csv")
BANDS, RATES = (
    pd.read_csv(DOCS / "results" / "default" / f"{name}.csv").set_index("model")
    for name in ("landscape", "learning_rates")
)


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
