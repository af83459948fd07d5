"""The page's first sentences against the Parquet files, in pandas and by hand."""

from __future__ import annotations

import json
import math
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.helpers.made_up import make_run
from tests.report.test_findings import found, sentences

IMAGES = 400
LABELS = np.arange(IMAGES) % 4
DATA = {"name": "cifar10", "train_images": 45_000, "validation_images": 5_000,
        "test_images": 10_000}  # fmt: skip
RATES = ("0.01", "0.1", "1.0")
# What each model recognises, and how its loss ends, at each learning rate.
ENDS = {
    "A": {"0.01": (0.5, 1.0), "0.1": (0.8, 0.2), "1.0": (0.25, 1.386)},
    "B": {"0.01": (0.6, 0.9), "0.1": (0.5, 0.6), "1.0": (0.3, 1.1)},
}


def recognise(share: float, source: np.random.Generator) -> np.ndarray:
    right = source.random(IMAGES) < share
    return np.where(right, LABELS, (LABELS + 1) % 4)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    root, source, made = tmp_path_factory.mktemp("made"), np.random.default_rng(5), []
    for model, ends in ENDS.items():
        for lr, (share, low) in ends.items():
            for seed in (0, 1, 2):
                loss = low + source.random(200) * 0.01
                if low < 1.3:
                    loss += np.linspace(1.386 - low, 0, 200)
                diverges = (model, lr, seed) == ("B", "1.0", 2)
                made.append(
                    make_run(
                        root, model, loss, lr=lr, seed=seed, test=None,
                        val=(share,) if diverges else (share / 2, share),
                        labels=LABELS, predicted=recognise(share, source), diverged=diverges,
                        data=DATA,
                    )
                )  # fmt: skip
    return made


def frames(runs: list[dict[str, Any]], name: str) -> dict[tuple[str, str, int], pd.DataFrame]:
    return {
        (run["model"], run["lr"], run["seed"]): pd.read_parquet(Path(run["folder"], name))
        for run in runs
    }


def diverged(run: dict[str, Any]) -> bool:
    return json.loads(Path(run["folder"], "run.json").read_text())["status"] == "diverged"


def chosen(runs: list[dict[str, Any]], model: str) -> str:
    """The learning rate of the best mean validation accuracy."""
    best = {
        key: frame["val_accuracy"].max() for key, frame in frames(runs, "epochs.parquet").items()
    }
    return max(RATES, key=lambda lr: np.mean([best[model, lr, seed] for seed in (0, 1, 2)]))


def accuracies(runs: list[dict[str, Any]], model: str) -> np.ndarray:
    seen, lr = frames(runs, "predictions.parquet"), chosen(runs, model)
    each = [seen[model, lr, seed] for seed in (0, 1, 2)]
    return np.array([(frame["label"] == frame["predicted"]).mean() for frame in each])


def band_ratio(runs: list[dict[str, Any]], rates: set[str], seeds: set[int]) -> float:
    losses = frames(runs, "steps.parquet")

    def width(model: str, seed: int) -> float:
        each = [losses[model, lr, seed].set_index("step")["loss"] for lr in rates]
        side_by_side = pd.concat(each, axis=1).iloc[: min(map(len, losses.values()))]
        return float((side_by_side.max(axis=1) - side_by_side.min(axis=1)).median())

    mean = {model: np.mean([width(model, seed) for seed in seeds]) for model in ENDS}
    return float(mean["B"] / mean["A"])


@pytest.fixture(scope="module")
def told(runs: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return sentences(tmp_path_factory.mktemp("told"), *runs)


def test_the_most_accurate_model(runs: list[dict[str, Any]], told: list[str]) -> None:
    best = max(ENDS, key=lambda model: accuracies(runs, model).mean())
    each = accuracies(runs, best)
    reach = stats.t.ppf(0.975, 2) * each.std(ddof=1) / math.sqrt(3)
    low, high = 100 * (each.mean() - reach), 100 * (each.mean() + reach)
    assert told[0] == (
        f"Most test images were recognised by {best}: {100 * each.mean():.1f} % [{low:.1f}, "
        f"{high:.1f}] of {IMAGES} (learning rate {chosen(runs, best)}, seeds 0, 1, 2)"
    )


def test_the_difference_of_two(runs: list[dict[str, Any]], told: list[str]) -> None:
    each = accuracies(runs, "A") - accuracies(runs, "B")
    for kept in (each, *(np.delete(each, place) for place in range(3))):
        assert stats.ttest_1samp(kept, 0).pvalue < 0.05, "settled, also without a seed"
    assert told[1] == (
        f"A is more accurate than B by {100 * each.mean():.1f} points, over 3 seeds, also with any "
        "one seed left out"
    )


def test_where_each_model_learned_hardly_did_and_diverged(
    runs: list[dict[str, Any]], told: list[str]
) -> None:
    ended: dict[str, dict[str, set[str]]] = {model: {} for model in ENDS}
    losses = frames(runs, "steps.parquet")
    for run in runs:
        loss = losses[run["model"], run["lr"], run["seed"]]["loss"]
        parts = loss.groupby(np.arange(len(loss)) // 10).mean()
        end = "learned"
        if diverged(run):
            end = "diverged"
        elif (parts > math.log(4) - 0.1).mean() >= 0.5:
            end = "hardly learned"
        ended[run["model"]].setdefault(run["lr"], set()).add(end)
    assert ended == {
        "A": {"0.01": {"learned"}, "0.1": {"learned"}, "1.0": {"hardly learned"}},
        "B": {"0.01": {"learned"}, "0.1": {"learned"}, "1.0": {"learned", "diverged"}},
    }
    assert "A learned at 0.01, 0.1; hardly learned at 1.0" in told
    assert ("B learned at 0.01, 0.1; diverged at 1.0 (if seeds differ, the worst outcome)") in told


def test_the_bands(runs: list[dict[str, Any]], told: list[str]) -> None:
    ratio = band_ratio(runs, set(RATES), {0, 1, 2})
    without_rate = [band_ratio(runs, set(rates), {0, 1, 2}) for rates in combinations(RATES, 2)]
    without_seed = [band_ratio(runs, set(RATES), set(s)) for s in combinations((0, 1, 2), 2)]
    (text,) = [text for text in told if "band" in text]
    numbers = [ratio, min(without_rate), max(without_rate), min(without_seed), max(without_seed)]
    numbers.append(band_ratio(runs, {"0.01", "0.1"}, {0, 1, 2}))  # A stalls, B diverges at 1.0
    assert re.findall(r"\d+\.\d\d", text) == [f"{number:.2f}" for number in numbers]
    assert ratio < 1
    assert ("depends on" in text) == any(each > 1 for each in (*without_rate, *without_seed))


def one_by_one(root: Path, differences: tuple[float, ...], **info: Any) -> list[str]:
    """Sentences on A and B, where A recognises more than B by so much, seed by seed."""
    made = []
    for seed, more in enumerate(differences):
        for model, share in (("A", 0.5 + more), ("B", 0.5)):
            right = np.arange(IMAGES) < round(share * IMAGES)
            predicted = np.where(right, LABELS, (LABELS + 1) % 4)
            made.append(
                make_run(
                    root, model, [1.0], seed=seed, labels=LABELS, predicted=predicted, data=DATA
                )
            )  # fmt: skip
    return sentences(root, *made)


@pytest.mark.parametrize(
    ("differences", "end"),
    [
        ((0.10, 0.105), "over 2 seeds; two seeds are too few to leave one out"),
        ((0.10, 0.11, 0.13), "over 3 seeds; not settled without seed 0 or 1"),
        ((0.10, 0.11, 0.12, 0.13), "over 4 seeds, also with any one seed left out"),
    ],
)
def test_a_pair_without_a_seed(tmp_path: Path, differences: tuple[float, ...], end: str) -> None:
    if len(differences) > 2:
        p = [
            stats.ttest_1samp(np.delete(differences, place), 0).pvalue
            for place, _ in enumerate(differences)
        ]
        turned = " or ".join(str(seed) for seed, each in enumerate(p) if each > 0.05)
        assert (f"not settled without seed {turned}" if turned else "also") in end
    assert one_by_one(tmp_path, differences)[1].endswith(end)


def test_which_band_is_the_wider_may_hang_on_a_seed(tmp_path: Path) -> None:
    """A's bands are 0.4 and 0.4 wide, B's 1.2 and 0.2."""
    runs = [
        make_run(tmp_path, model, np.full(20, loss), lr=lr, seed=seed)
        for model, widths in (("A", (0.4, 0.4)), ("B", (1.2, 0.2)))
        for seed, width in enumerate(widths)
        for lr, loss in (("0.1", 0.05), ("0.2", 0.05 + width))
    ]
    (text,) = [text for text in sentences(tmp_path, *runs) if "band" in text]
    assert text == (
        "Over the 2 learning rates and 20 steps that both models have, the band of B is 1.75 times "
        "as wide as that of A, and 0.50 to 3.00 times with any one seed left out: which band is "
        "wider depends on a single seed"
    )


def test_a_study_that_misleads_says_why_by_itself(tmp_path: Path) -> None:
    """One rate stalled, epochs are unequal, one seed, 50 test images of 300."""
    few = {"name": "cifar10", "train_images": 2_700, "validation_images": 300, "test_images": 50}
    labels = np.arange(50) % 4
    runs = [
        make_run(
            tmp_path, model, [loss] * 40, lr=lr, val=(0.5,) * epochs, test=None, labels=labels,
            predicted=np.where(np.arange(50) < right, labels, (labels + 1) % 4), data=few,
        )
        for model, lr, loss, epochs, right in (
            ("A", "0.1", 0.5, 8, 45), ("A", "1.0", 1.386, 8, 12),
            ("B", "0.1", 0.9, 2, 30), ("B", "1.0", 0.8, 2, 31),
        )
    ]  # fmt: skip
    limits = "\n".join(found(tmp_path, *runs).limits)
    assert "3,000 of the 50,000 training images of CIFAR-10 were used" in limits
    points = 1.96 * math.sqrt(2 * 0.5 * 0.5 / 50)
    assert (
        f"50 test images: two networks' accuracies may differ by up to {100 * points:.0f} p"
        in limits
    )
    assert "One seed in e: how much another seed would change is not known." in limits
    assert "e: Epoch budgets differ" in limits
    assert "alone may explain a difference: A 8; B 2." in limits
    assert "for half of the steps or more): A at 1.0, seed 0." in limits
    assert len(limits.splitlines()) == 5
    told = sentences(tmp_path, *runs)
    assert told[1] == (
        "A is more accurate than B by 30.0 points, in this seed, with up to 8 epochs against 2"
    )


def test_a_model_with_one_rate_leaves_the_page_whole(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, "A", [1.0], lr=lr) for lr in ("0.1", "0.2", "0.3")]
    told = sentences(tmp_path, *runs, make_run(tmp_path, "B", [2.0], lr="0.1"))
    assert not [text for text in told if "band" in text]
