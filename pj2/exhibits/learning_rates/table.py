"""The table of learning rates that train a model, and of its sensitivity to the rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import pandas as pd

from pj2.exhibits.cautions import cautions
from pj2.exhibits.format import MISSING, Table, count, mean_sd
from pj2.exhibits.landscape.numbers import band_runs, band_width_table, common_steps, read_band
from pj2.exhibits.learning_rates.numbers import (
    DIVERGED,
    LEARNED,
    STALLED,
    Seed,
    greatest_that_learns,
    seeds_of,
)
from pj2.language import said, tr
from pj2.runs.reading import PathLike, load_runs
from pj2.statistics import mean_interval
from pj2.wording import named, sentences
from pj2.wording import rates as in_words

_CAPTION = said(
    "A rate learns if no seed diverged or hardly learned there. Sensitivity (Wortsman et al. "
    "2023): mean excess of the final loss over the best rate's, in nats. Width: median of the "
    "band. Mean ± standard deviation [range] over seeds."
)


def learning_rates_table(index_paths: Iterable[PathLike], band_path: PathLike) -> Table:
    """Return one row per model; the CSV has one row per model and seed.

    `band_path` is the file of `pj2.exhibits.landscape.numbers.landscape_band` for the same runs.

    CSV: ``model, learning_rates, seed, diverged, hardly_learned`` (rates, separated by blanks),
    ``greatest_that_learns`` (empty if no rate does), ``greater_tried``, ``final_losses`` (of each
    rate, infinite if it diverged), ``loss_of_guessing, sensitivity`` (see
    `pj2.exhibits.learning_rates.numbers.Seed`) and ``common_median_width`` (nats).
    """
    runs = load_runs(index_paths)
    seeds = seeds_of(runs)
    widths = band_width_table(common_steps(read_band(band_path, band_runs(runs))))
    rows = [
        _row(seed, width)
        for seed, width in zip(seeds, widths["median_width"].to_list(), strict=True)
    ]
    models = dict.fromkeys(seed.model for seed in seeds)
    shown = [
        _shown(
            [seed for seed in seeds if seed.model == model],
            [row for row in rows if row["model"] == model],
        )
        for model in models
    ]
    return Table.of(
        pd.DataFrame(rows),
        caption=sentences(tr(_CAPTION), _unlike_rates(seeds), _other_losses(seeds), cautions(runs)),
        shown=shown,
    )


def _row(seed: Seed, width: float) -> dict[str, Any]:
    def with_state(state: str) -> str:
        return " ".join(rate for rate, each in seed.states.items() if each == state)

    return {
        "model": seed.model,
        "learning_rates": " ".join(seed.states),
        "seed": seed.seed,
        "diverged": with_state(DIVERGED),
        "hardly_learned": with_state(STALLED),
        "greatest_that_learns": seed.greatest,
        "greater_tried": " ".join(_greater(seed.states, seed.greatest)),
        "final_losses": " ".join(f"{loss:.6g}" for loss in seed.final.values()),
        "loss_of_guessing": seed.initial,
        "sensitivity": seed.sensitivity,
        "common_median_width": width,
    }


def _shown(seeds: Sequence[Seed], rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return a model's row as text for people, over its seeds."""
    states = list(chain.from_iterable(seed.states.items() for seed in seeds))
    tried = sorted({rate for rate, _ in states}, key=float)
    greatest = greatest_that_learns(states)

    def over_seeds(values: Iterable[float]) -> str:
        return mean_sd(mean_interval(list(values)), digits=3)

    return {
        tr("Model"): seeds[0].model,
        tr("Seeds"): count(len(seeds)),
        tr("Greatest rate that learns"): _with_range(greatest, seeds),
        tr("Greater rates tried"): _bound(tried, states, greatest),
        tr("Sensitivity"): over_seeds(seed.sensitivity for seed in seeds),
        tr("Best final loss"): over_seeds(seed.best for seed in seeds),
        tr("Median width (common)"): over_seeds(row["common_median_width"] for row in rows),
        tr("Learning rates"): in_words(tried),
        tr("Did not learn"): _failures(tried, states, len(seeds)),
    }


def _greater(tried: Iterable[str], greatest: str | None) -> list[str]:
    """Return the rates above the greatest that learns; empty if no rate learns."""
    return [rate for rate in tried if greatest and float(rate) > float(greatest)]


def _bound(tried: Sequence[str], states: Iterable[tuple[str, str]], greatest: str | None) -> str:
    """Return the rates tried above the greatest that learns, or that there are none."""
    if greatest is None:
        return MISSING
    if all(state == LEARNED for _, state in states):
        return tr("none, so not bounded: learns at all rates tried")
    return in_words(_greater(tried, greatest)) or tr("none, so not bounded")


def _failures(tried: Sequence[str], states: Sequence[tuple[str, str]], seeds: int) -> str:
    """Return the rates at which runs hardly learned or diverged, and how many seeds did."""
    parts = []
    for state in (STALLED, DIVERGED):
        failed = Counter(rate for rate, each in states if each == state)
        rates = [
            tr("{lr} ({failed} of {n})", lr=rate, failed=failed[rate], n=seeds)
            if failed[rate] < seeds
            else rate
            for rate in tried
            if failed[rate]
        ]
        if rates:
            parts.append(tr("{state}: {rates}", state=tr(state), rates=named(rates, tr(", "))))
    return tr("; ").join(parts) or tr("none")


def _with_range(greatest: str | None, seeds: Sequence[Seed]) -> str:
    """Return the greatest rate that learns, with its range over seeds if they differ."""
    each = sorted({seed.greatest for seed in seeds}, key=lambda rate: float(rate or 0))
    rate, least, most = (found or tr("none") for found in (greatest, each[0], each[-1]))
    if len(each) == 1:
        return rate
    return tr("{rate} [{least} to {greatest}]", rate=rate, least=least, greatest=most)


def _unlike_rates(seeds: Sequence[Seed]) -> str:
    if len({tuple(seed.states) for seed in seeds}) == 1:
        return ""
    return tr("Models were tried at different rates, so their sensitivities are not comparable.")


def _other_losses(seeds: Sequence[Seed]) -> str:
    """Return a sentence on models whose loss at initialisation is unknown."""
    models = dict.fromkeys(
        seed.model for seed in seeds if seed.initial is None and seed.greatest is not None
    )
    if not models:
        return ""
    return tr(
        "Trained with another loss than the cross-entropy, so only divergence is detected and "
        "there is no sensitivity: {models}.",
        models=named(list(models), tr(", ")),
    )
