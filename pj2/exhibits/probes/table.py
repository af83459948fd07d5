"""Tables of the quantities that gradient probes measured, and of their ratios between models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import pandas as pd

from pj2.exhibits.cautions import cautions, diverged_runs, stalled_runs
from pj2.exhibits.format import Table
from pj2.exhibits.probes.numbers import (
    QUANTITIES,
    is_probed,
    probe_medians,
    probe_ratios,
    probe_steps,
)
from pj2.language import said, tr
from pj2.runs.reading import PathLike, RunRecord, load_runs
from pj2.wording import sentences

_MEDIANS = said(
    "Medians over the probed steps of each run, and of its second half: range of the loss over the "
    "step lengths (nats), greatest change of the gradient, and effective smoothness β (Santurkar "
    "et al. 2018, section 3.1)."
)
_RATIOS = said(
    "Ratios of the first model's medians to the second's over the steps that both probed, paired "
    "by learning rate, direction, part of the run and seed: geometric mean over seeds [least, "
    "greatest]. Below 1, the first model's loss varies less, or its gradient is more predictive or "
    "smoother."
)


def probes_table(index_paths: Iterable[PathLike]) -> Table:
    """Return one row per run, direction and part."""
    runs = [run for run in load_runs(index_paths) if is_probed(run)]
    medians = probe_medians(runs)
    shown = {
        tr("Model"): medians["model"],
        tr("Learning rate"): medians["lr"],
        tr("Seed"): medians["seed"],
        tr("Along"): medians["along"].map(_direction),
        tr("Part"): medians["part"].map(tr),
        tr("Probes"): medians["probes"],
        **{tr(words): medians[name].map("{:.4g}".format) for name, words in QUANTITIES.items()},
    }
    return Table.of(medians, caption=_caption(_MEDIANS, runs), shown=shown)


def probe_ratios_table(index_paths: Iterable[PathLike]) -> Table:
    """Return one row for each pair of models, learning rate, direction and part.

    CSV: ``model, other, lr, along, part, seeds``, and for each quantity its ratio
    (geometric mean over seeds), ``_low`` and ``_high``.
    """
    runs = [run for run in load_runs(index_paths) if is_probed(run)]
    models = list(dict.fromkeys(run.model for run in runs))
    steps_of = {run: probe_steps(run) for run in runs}
    parts = []
    for other, model in combinations(models, 2):
        part = probe_ratios(steps_of, model, other)
        part.insert(0, "other", other)
        part.insert(0, "model", model)
        parts.append(part)
    empty = pd.DataFrame(columns=["model", "other", "lr", "along", "part", "seeds"])
    ratios = pd.concat(parts, ignore_index=True) if parts else empty
    shown = {
        tr("Models"): [f"{r.model} / {r.other}" for r in ratios.itertuples()],
        tr("Learning rate"): ratios["lr"],
        tr("Along"): ratios["along"].map(_direction),
        tr("Steps"): ratios["part"].map(tr),
        tr("Seeds"): ratios["seeds"],
        **{tr(words): _ranges(ratios, name) for name, words in QUANTITIES.items()},
    }
    return Table.of(ratios, caption=_caption(_RATIOS, runs), shown=shown)


def _caption(what: str, runs: Sequence[RunRecord]) -> str:
    return sentences(tr(what), diverged_runs(runs), stalled_runs(runs), cautions(runs))


def _direction(along: str) -> str:
    return tr("gradient") if along == "gradient" else tr("update")


def _ranges(ratios: pd.DataFrame, name: str) -> list[str]:
    if name not in ratios:
        return []
    parts = zip(ratios[name], ratios[f"{name}_low"], ratios[f"{name}_high"], strict=True)
    return [
        f"{middle:.3g}" if seeds == 1 else f"{middle:.3g} [{low:.3g}, {high:.3g}]"
        for seeds, (middle, low, high) in zip(ratios["seeds"], parts, strict=True)
    ]
