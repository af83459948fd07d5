"""Differences in test accuracy between the models of an experiment, with verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from pj2.errors import UserError
from pj2.exhibits.cautions import chosen_by_test, diverged_runs, unlike_budgets
from pj2.language import said, tr
from pj2.runs.reading import (
    RunRecord,
    by_model,
    choosing_accuracy,
    chosen_setting,
    precision_of,
    predictions,
)
from pj2.statistics import PairedDifference, holm, mcnemar_p, paired_difference
from pj2.wording import HIGHER, LOWER, NOT_SETTLED, in_unlike_precisions

COLUMNS = (
    "model", "other", "lr", "other_lr", "seeds", "images", "difference", "images_low",
    "images_high", "seeds_low", "seeds_high", "both_low", "both_high", "discordant", "p_least",
    "p_greatest", "verdict", "by_seed",
)  # fmt: skip
_MOST_MODELS = 12  # models whose 66 pairs are all compared; more models are each compared with one
_SIGNIFICANCE = 0.05

_FOR_SEED = {HIGHER: said("higher for this seed"), LOWER: said("lower for this seed")}


@dataclass(frozen=True)
class Tested:
    """The test images that one run recognised.

    `right` is bool[N]; `images` identifies the test set; `precision` is that of the run.
    """

    right: np.ndarray
    images: str
    precision: str


@dataclass(frozen=True)
class Recognised:
    """The test images that the runs of one setting recognised, by seed; tables call it `name`.

    `choosing_accuracy` is the mean over the runs, NaN if none was tested.
    """

    name: str
    lr: str
    choosing_accuracy: float
    tested: Mapping[int, Tested]


@dataclass(frozen=True)
class Pair:
    """The images that two models recognised, bool[S, N] each, with their common seeds ascending."""

    models: tuple[Recognised, Recognised]
    seeds: tuple[int, ...]
    right: np.ndarray
    other_right: np.ndarray

    @property
    def apart(self) -> float:
        """The distance between the two accuracies."""
        return abs(float(self.right.mean() - self.other_right.mean()))


def pairwise(runs: Sequence[RunRecord]) -> tuple[pd.DataFrame, list[str]]:
    """Compare the test accuracies of every two models, over the seeds that both have.

    A variant counts as a model; each model stands at its `chosen_setting`'s learning rate. If
    there are more than 12 models, each is compared only with the model of the best
    mean `choosing_accuracy`.

    Columns: model, other, lr, other_lr, seeds and images (how many are compared), difference
    (accuracy of model less that of other, a fraction), then its 95 % intervals `images_low`,
    `images_high`, `seeds_low`, … and `both_low`, … (see `pj2.statistics.paired_difference`; NaN
    if there is none), discordant (images that only one of them recognised, summed over seeds),
    p_least and p_greatest (over the seeds' exact McNemar tests, Holm-adjusted for all tests of
    the table), verdict (see `verdict_of`; ``(bf16 and fp32)`` follows if the runs were computed
    in both), by_seed (dict: each seed's difference).

    Also returns sentences on what is left out. Raises UserError if the runs are of several
    experiments.
    """
    experiments = list(dict.fromkeys(run.experiment for run in runs))
    if len(experiments) > 1:
        raise UserError(f"index files: runs of {', '.join(experiments)}; expected one experiment's")
    told = [each for each in (chosen_by_test(runs), unlike_budgets(runs)) if each]
    rows = differences(opponents(runs, told), told)
    return pd.DataFrame(list(rows.values()), columns=list(COLUMNS)), told


def seeds_that_turn(runs: Sequence[RunRecord], row: Mapping[Any, Any]) -> list[int] | None:
    """Return the seeds without which a row of `pairwise` has another verdict.

    `runs` are those behind the row; learning rates are chosen anew without the seed. None for
    fewer than three seeds, since a verdict on one remaining seed says nothing about others.
    """
    if row["seeds"] < 3:
        return None
    both = [run for model in (row["model"], row["other"]) for run in runs if run.model == model]
    turned = []
    for seed in row["by_seed"]:
        frame, _ = pairwise([run for run in both if run.seed != seed])
        verdict = frame["verdict"].iloc[0] if len(frame) else NOT_SETTLED
        if verdict.partition(" (")[0] != row["verdict"].partition(" (")[0]:
            turned.append(seed)
    return turned


def opponents(runs: Sequence[RunRecord], told: list[str]) -> list[tuple[Recognised, Recognised]]:
    """Return the pairs of models that `pairwise` compares; add to `told` what is left out."""
    chosen = [chosen_setting(group) for group in by_model(runs).values()]
    lost = diverged_runs(run for group in chosen for run in group if run.best_epoch is not None)
    if lost:
        told.append(lost)
    models = [recognised(group[0].model, group, told) for group in chosen]
    return _opponents([model for model in models if model.tested], told)


def differences(
    pairs: Iterable[tuple[Recognised, Recognised]], told: list[str], most: int | None = None
) -> dict[int, dict[str, Any]]:
    """Return the rows of `pairwise` for these pairs, by the index of the pair.

    A pair that cannot be compared has no row but a sentence in `told`. Intervals take up to
    seconds per pair, so `most` limits the rows to the pairs whose accuracies are furthest apart,
    in falling order. p-values are adjusted for all pairs.
    """
    found = {place: pair for place, both in enumerate(pairs) if (pair := matched(*both, told))}
    tests = [
        mcnemar_p(*both)
        for pair in found.values()
        for both in zip(pair.right, pair.other_right, strict=True)
    ]
    adjusted = iter(holm(tests))
    p_values = {place: [next(adjusted) for _ in pair.seeds] for place, pair in found.items()}
    shown = list(found)
    if most is not None and len(shown) > most:
        shown = sorted(shown, key=lambda place: -found[place].apart)[:most]
    return {place: _row(found[place], p_values[place]) for place in shown}


def recognised(name: str, runs: Sequence[RunRecord], told: list[str]) -> Recognised:
    """Read the predictions of one setting's runs; add to `told` which runs have none."""
    lr = runs[0].lr
    tested: dict[int, Tested] = {}
    choosing = []
    for run in runs:
        guesses, accuracy = predictions(run), choosing_accuracy(run)
        if guesses is None or accuracy is None:
            told.append(
                tr(
                    "{model}, lr {lr}, seed {seed} diverged before it finished an epoch.",
                    model=name, lr=lr, seed=run.seed,
                )
            )  # fmt: skip
            continue
        tested[run.seed] = Tested(guesses.right, guesses.images, precision_of(run))
        choosing.append(accuracy)
    return Recognised(name, lr, float(np.mean(choosing)) if choosing else np.nan, tested)


def matched(model: Recognised, other: Recognised, told: list[str]) -> Pair | None:
    """Pair two settings; return None, with the reason in `told`, if they cannot be compared."""
    seeds = sorted(model.tested.keys() & other.tested.keys())
    both = [[each.tested[seed] for seed in seeds] for each in (model, other)]
    names = {"one": model.name, "other": other.name}
    if not seeds:
        told.append(tr("{one} and {other} have no seed in common.", **names))
    elif len({tested.images for each in both for tested in each}) > 1:
        told.append(tr("{one} and {other} were not tested on the same images.", **names))
    elif len(both[0][0].right) < 2:
        told.append(tr("{one} and {other} were tested on one image only.", **names))
    else:
        right, other_right = (np.stack([tested.right for tested in each]) for each in both)
        return Pair((model, other), tuple(seeds), right, other_right)
    return None


def _opponents(
    models: Sequence[Recognised], told: list[str]
) -> list[tuple[Recognised, Recognised]]:
    if len(models) <= _MOST_MODELS:
        return list(combinations(models, 2))
    best = max(models, key=lambda model: model.choosing_accuracy)
    told.append(
        tr(
            "{models} models make {pairs:,} pairs: each is compared with {best} only, which has "
            "the best mean of the accuracy that chooses the learning rate.",
            models=len(models), pairs=len(models) * (len(models) - 1) // 2, best=best.name,
        )
    )  # fmt: skip
    return [(model, best) for model in models if model is not best]


def _row(pair: Pair, p_values: Sequence[float]) -> dict[str, Any]:
    paired = paired_difference(pair.right, pair.other_right)
    more = pair.right.sum(axis=1) - pair.other_right.sum(axis=1)  # number of images, for each seed
    model, other = pair.models
    precisions = [each.tested[seed].precision for each in pair.models for seed in pair.seeds]
    nothing = (np.nan, np.nan)
    intervals = {
        "images": paired.over_images or nothing,
        "seeds": paired.over_seeds or nothing,
        "both": paired.over_both or nothing,
    }
    row: dict[str, Any] = {
        "model": model.name,
        "other": other.name,
        "lr": model.lr,
        "other_lr": other.lr,
        "seeds": paired.seeds,
        "images": paired.images,
        "difference": paired.difference,
    }
    for name, (low, high) in intervals.items():
        row |= {f"{name}_low": low, f"{name}_high": high}
    return row | {
        "discordant": int((pair.right != pair.other_right).sum()),
        "p_least": min(p_values),
        "p_greatest": max(p_values),
        "verdict": in_unlike_precisions(verdict_of(paired, max(p_values)), precisions),
        "by_seed": dict(zip(pair.seeds, (more / paired.images).tolist(), strict=True)),
    }


def verdict_of(paired: PairedDifference, p_value: float) -> str:
    """Return the verdict on the first model's accuracy against the second's.

    With several seeds it is "higher" or "lower" if the interval over seeds and the one over seeds
    and images both exclude 0. The first assumes a normal spread of few seeds, the second is too
    narrow for few seeds; together they err less. With one seed it is "higher for this seed" or
    "lower for this seed" if `p_value`, McNemar's after Holm's adjustment, is below 0.05.
    Otherwise it is "not settled".
    """
    word = HIGHER if paired.difference > 0 else LOWER
    if paired.seeds == 1:
        return _FOR_SEED[word] if p_value < _SIGNIFICANCE else NOT_SETTLED
    if paired.over_seeds is None or paired.over_both is None:
        return NOT_SETTLED
    intervals = (paired.over_seeds, paired.over_both)
    settled = all(low > 0 for low, _ in intervals) or all(high < 0 for _, high in intervals)
    return word if settled else NOT_SETTLED
