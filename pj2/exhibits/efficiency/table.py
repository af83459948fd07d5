"""The table of each model's costs and accuracy, and of the Pareto fronts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from pj2.config.names import learning_rate_text
from pj2.exhibits.cautions import cautions, diverged_runs
from pj2.exhibits.efficiency.numbers import COSTS, Efficiency, efficiencies, fronts, note_conditions
from pj2.exhibits.format import MEAN_PARTS, MISSING, Table, count, mean_columns, mean_sd, percent
from pj2.language import said, tr
from pj2.runs.reading import PathLike, load_runs
from pj2.wording import never_finished, sentences

_COLUMNS = (
    "experiment", "model", "learning_rate", "seeds", "n", "parameters", "macs",
    *(f"seconds_{part}" for part in MEAN_PARTS), *(f"accuracy_{part}" for part in MEAN_PARTS),
    "wilson_low", "wilson_high", *(f"{cost}_front" for cost in COSTS),
    "device", "hardware", "threads", "precision",
)  # fmt: skip
_SHORT = {"parameters": said("parameters"), "macs": said("MACs"), "seconds": said("seconds")}
_CAPTION = said(
    "Each model is at its chosen learning rate. Mean ± standard deviation over seeds, or one seed "
    "with its 95 % Wilson interval. MACs: multiply-accumulates of a forward pass. Pareto front: "
    "costs for which no other model dominates. n: test images."
)


def efficiency_table(index_paths: Iterable[PathLike]) -> Table:
    """Return one row per model, at its chosen learning rate.

    CSV: ``experiment, model, learning_rate, seeds`` (how many), ``n`` (test images),
    ``parameters, macs`` (multiply-accumulates of one image's forward pass), then ``seconds``
    (wall time of a run's epochs) and ``accuracy`` (on the test set, a fraction), each as
    ``_mean``, ``_sd`` (over seeds), ``_low`` and ``_high`` (95 % Student interval of the mean),
    of which the last three are empty for one seed; ``wilson_low, wilson_high`` (95 %, for one
    seed only); ``parameters_front, macs_front, seconds_front`` (whether the model is on the front
    of that cost and accuracy); ``device, hardware, threads, precision``, with ``;`` between the
    values of different seeds.
    """
    models, absent = efficiencies(load_runs(index_paths))
    compared = [run for model in models for run in model.runs]
    on_front = fronts(models)
    rows, shown = [], []
    for place, model in enumerate(models):
        front = {cost: bool(on_front[cost][place]) for cost in COSTS}
        rows.append(_row(model, front))
        shown.append(_shown(model, front))
    return Table.of(
        pd.DataFrame(rows, columns=list(_COLUMNS)),
        caption=sentences(
            tr(_CAPTION),
            note_conditions(models),
            diverged_runs(run for model in models for run in model.chosen),
            cautions(compared),
            never_finished(absent),
        ),
        shown=shown,
    )


def _row(model: Efficiency, front: Mapping[str, bool]) -> dict[str, Any]:
    run = model.runs[0]
    low, high = model.wilson or (None, None)
    return {
        "experiment": run.experiment,
        "model": run.model,
        "learning_rate": run.learning_rate,
        "seeds": len(model.runs),
        "n": model.images,
        "parameters": model.parameters,
        "macs": model.macs,
        **mean_columns("seconds", model.seconds),
        **mean_columns("accuracy", model.accuracy),
        "wilson_low": low,
        "wilson_high": high,
        **{f"{cost}_front": on for cost, on in front.items()},
        "device": _all_of(run.info["hardware"]["device"] for run in model.runs),
        "hardware": _all_of(run.info["hardware"]["name"] for run in model.runs),
        "threads": _all_of(run.info["hardware"]["threads"] for run in model.runs),
        "precision": _all_of(run.info["precision"]["used"] for run in model.runs),
    }


def _all_of(values: Iterable[object]) -> str:
    return "; ".join(dict.fromkeys(map(str, values)))


def _shown(model: Efficiency, front: Mapping[str, bool]) -> dict[str, str]:
    cheap = [tr(_SHORT[cost]) for cost in COSTS if front[cost]]
    seconds = count(model.seconds.mean)
    if model.seconds.n > 1:
        seconds += f" ± {count(model.seconds.sd)}"
    return {
        tr("Model"): model.name,
        tr("Learning rate"): learning_rate_text(model.runs[0].learning_rate),
        tr("Seeds"): count(len(model.runs)),
        tr("n"): count(model.images),
        tr("Parameters"): count(model.parameters),
        tr("MACs"): count(model.macs),
        tr("Seconds"): seconds,
        tr("Test accuracy, %"): percent(model.accuracy.mean, model.wilson)
        if model.wilson
        else mean_sd(model.accuracy, scale=100),
        tr("Pareto front"): tr(", ").join(cheap) or MISSING,
    }
