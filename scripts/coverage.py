"""Measure how often the intervals of pj2.statistics cover the truth.

    python scripts/coverage.py                  # a few minutes, a table in Markdown
    python scripts/coverage.py --simulations 200

The script simulates two models with a known difference many times. A network recognises an
image if the sum of these normal variables is above 0: the model's skill, the seed's luck, and
how easy the image is in general, for this model, and for this network. The true accuracies then
have closed forms, over other images, other seeds, and both.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np
from scipy.stats import norm
from tabulate import tabulate

from pj2.statistics import Interval, mean_interval, paired_difference, wilson_interval

ACCURACIES = (0.91, 0.90)
# Variances of an image's three variables; their sum is 1. Two seeds of a model then disagree on 8 %
# of the images, two models on 10 %.
EASY, EASY_FOR_MODEL, EASY_FOR_NETWORK = 0.7, 0.1, 0.2
SEEDS = (2, 3, 5, 10)
# Numbers of test images, with the standard deviation over seeds of the accuracy over all images.
SETTINGS = ((2_000, 0.004), (10_000, 0.004))
# The simulation uses fewer images, and a standard deviation over seeds that is greater by the root
# of that factor. So the effects of seeds and of images keep their ratio, in much less time, which
# grows with the square of the images.
SIMULATED_IMAGES = 500

FALSE_VERDICT = "both miss on one side: a false verdict"
OTHERS = {"images": "other images", "seeds": "other seeds", "both": "other seeds and images"}


@dataclass(frozen=True)
class Simulated:
    """The images that two models' networks recognise, bool[S, N], and the true accuracies.

    `networks`, [2, S], are the accuracies of the networks over all images; `models`, [2], those of
    each model over all seeds, on these images; `everything`, [2], those over all seeds and images.
    """

    right: tuple[np.ndarray, np.ndarray]
    networks: np.ndarray
    models: np.ndarray
    everything: np.ndarray


def simulate(source: np.random.Generator, seeds: int, images: int, seed_sd: float) -> Simulated:
    """Simulate two models with `seeds` seeds each, tested on `images` images."""
    skill = norm.ppf(ACCURACIES)
    luck_sd = seed_sd / norm.pdf(skill)  # of luck; accuracy changes by pdf(skill) for each unit
    luck = luck_sd[:, None] * source.normal(size=(2, seeds))
    easy = math.sqrt(EASY) * source.normal(size=images)
    easy = easy + math.sqrt(EASY_FOR_MODEL) * source.normal(size=(2, images))
    chance = math.sqrt(EASY_FOR_NETWORK) * source.normal(size=(2, seeds, images))
    network = skill[:, None] + luck
    right = network[:, :, None] + easy[:, None, :] + chance > 0
    over_seeds = np.sqrt(luck_sd**2 + EASY_FOR_NETWORK)
    return Simulated(
        (right[0], right[1]),
        norm.cdf(network),
        norm.cdf((skill[:, None] + easy) / over_seeds[:, None]).mean(axis=1),
        norm.cdf(skill / np.sqrt(1 + luck_sd**2)),
    )


def covers(interval: Interval | None, truth: float) -> bool:
    """Tell whether an interval exists and contains the truth."""
    return interval is not None and interval[0] <= truth <= interval[1]


def try_once(
    source: np.random.Generator, seeds: int, images: int, seed_sd: float, resamples: int
) -> Iterator[tuple[tuple[str, str], bool]]:
    """Yield for one simulation whether each interval covers each truth asked of it.

    The last item is whether the verdict is false: both intervals on the same side of the truth.
    One seed has only the intervals over images.
    """
    made = simulate(source, seeds, images, seed_sd)
    found = paired_difference(*made.right, resamples=resamples, seed=int(source.integers(2**31)))
    one = made.right[0]
    network = wilson_interval(int(one[0].sum()), images)
    truth = {
        "images": float(made.networks[0].mean() - made.networks[1].mean()),
        "seeds": float(made.models[0] - made.models[1]),
        "both": float(made.everything[0] - made.everything[1]),
    }
    yield ("`wilson_interval`", OTHERS["images"]), covers(network, float(made.networks[0, 0]))
    yield ("`over_images`", OTHERS["images"]), covers(found.over_images, truth["images"])
    yield ("`over_images`", OTHERS["both"]), covers(found.over_images, truth["both"])
    if seeds > 1:
        mean = mean_interval(one.mean(axis=1))
        held = covers((mean.low, mean.high), float(made.models[0]))
        yield ("`mean_interval`", OTHERS["seeds"]), held
        yield ("`over_seeds`", OTHERS["seeds"]), covers(found.over_seeds, truth["seeds"])
        yield ("`over_seeds`", OTHERS["both"]), covers(found.over_seeds, truth["both"])
        yield ("`over_both`", OTHERS["both"]), covers(found.over_both, truth["both"])
        both = [each for each in (found.over_seeds, found.over_both) if each]
        above = all(low > truth["both"] for low, _ in both)
        below = all(high < truth["both"] for _, high in both)
        yield ("`over_seeds`, `over_both`", FALSE_VERDICT), len(both) == 2 and (above or below)


def measure(
    seeds: int,
    setting: tuple[int, float],
    simulations: int,
    resamples: int,
    simulated_images: int = SIMULATED_IMAGES,
) -> dict[tuple[str, str], float]:
    """Return how often each event of `try_once` happened; equal arguments, equal answers."""
    images, seed_sd = setting
    scaled = seed_sd * math.sqrt(images / simulated_images)
    source = np.random.default_rng([seeds, images])
    counts: dict[tuple[str, str], int] = {}
    for _ in range(simulations):
        for name, happened in try_once(source, seeds, simulated_images, scaled, resamples):
            counts[name] = counts.get(name, 0) + happened
    return {name: count / simulations for name, count in counts.items()}


def main() -> None:
    """Print one table for each setting."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=1000)
    arguments = parser.parse_args()
    once = partial(measure, **vars(arguments))
    # One single-threaded process per core; NumPy reads this variable when it is imported.
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        waiting = [[pool.submit(once, seeds, setting) for seeds in SEEDS] for setting in SETTINGS]
        for (images, seed_sd), parts in zip(SETTINGS, waiting, strict=True):
            columns = [part.result() for part in parts]
            rows = [
                [interval, covers, *(f"{100 * column[interval, covers]:.1f}" for column in columns)]
                for interval, covers in columns[0]
            ]
            print(
                f"As with {images:,} test images and a standard deviation over seeds of "
                f"{100 * seed_sd:.1f} points; percent of {arguments.simulations:,} simulations.\n"
            )
            headers = ["interval", "covers", *(f"{seeds} seeds" for seeds in SEEDS)]
            align = ["left", "left", *["right"] * len(SEEDS)]
            print(tabulate(rows, headers, tablefmt="pipe", colalign=align, disable_numparse=True))
            print()


if __name__ == "__main__":
    main()
