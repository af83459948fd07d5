"""What each model costs, how well it does, and which others that beats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from pj2.config.names import learning_rate_text
from pj2.exhibits.efficiency.numbers import COSTS, Efficiency, efficiencies, fronts, note_conditions
from pj2.exhibits.format import MISSING, Table, count, percent, percent_spread
from pj2.language import said, tr
from pj2.runs.reading import PathLike, load_runs
from pj2.wording import never_finished, sentences

_PARTS = ("mean", "sd", "low", "high")
_COLUMNS = (
    "experiment", "model", "learning_rate", "seeds", "n", "parameters", "macs",
    *(f"seconds_{part}" for part in _PARTS), *(f"accuracy_{part}" for part in _PARTS),
    "wilson_low", "wilson_high", *(f"{name}_front" for name in COSTS),
    "device", "hardware", "threads", "precision",
)  # fmt: skip
_SHORT = {"parameters": said("parameters"), "macs": said("MACs"), "seconds": said("seconds")}
_CAPTION = said(
    "Each model at its learning rate with the best validation accuracy, the mean over seeds. "
    "Test accuracy in percent and seconds: of several seeds the mean ± the standard deviation, of "
    "one seed the accuracy with its 95 % Wilson interval. MACs: multiply-accumulates of one "
    "image's forward pass. Seconds: wall time of a run's epochs. Pareto front: the costs for which "
    "no other model has at least this mean accuracy at no more of that cost, and is better in one "
    "of the two; differences in accuracy within their spread count as any other. n: test images."
)


def efficiency_table(index_paths: Iterable[PathLike]) -> Table:
    """Return one row a model, at its chosen learning rate.

    CSV: ``experiment, model, learning_rate, seeds`` (how many), ``n`` (test images),
    ``parameters, macs`` (multiply-accumulates of one image's forward pass), then
    ``seconds`` (wall time of a run's epochs) and ``accuracy`` (on the test set, a
    fraction), each as ``_mean``, ``_sd`` (over seeds), ``_low`` and ``_high`` (95 %
    Student interval of the mean), the last three empty of one seed; ``wilson_low,
    wilson_high`` (95 %, of one seed only); ``parameters_front, macs_front,
    seconds_front`` (whether the model is on the front of that cost and accuracy);
    ``device, hardware, threads, precision``, separated by ``;`` where seeds differ.
    """
    found, absent = efficiencies(load_runs(index_paths))
    on = fronts(found)
    rows, shown = [], []
    for place, one in enumerate(found):
        front = {name: bool(on[name][place]) for name in COSTS}
        rows.append(_row(one, front))
        shown.append(_shown(one, front))
    return Table.of(
        pd.DataFrame(rows, columns=list(_COLUMNS)),
        caption=sentences(tr(_CAPTION), note_conditions(found), never_finished(absent)),
        shown=pd.DataFrame(shown),
    )


def _row(one: Efficiency, front: Mapping[str, bool]) -> dict[str, Any]:
    run = one.runs[0]
    low, high = one.wilson or (None, None)
    row: dict[str, Any] = {
        "experiment": run.experiment,
        "model": run.model,
        "learning_rate": run.learning_rate,
        "seeds": len(one.runs),
        "n": one.images,
        "parameters": one.parameters,
        "macs": one.macs,
        "wilson_low": low,
        "wilson_high": high,
        "device": _all_of(run.info["hardware"]["device"] for run in one.runs),
        "hardware": _all_of(run.info["hardware"]["name"] for run in one.runs),
        "threads": _all_of(run.info["hardware"]["threads"] for run in one.runs),
        "precision": _all_of(run.info["precision"]["used"] for run in one.runs),
    }
    for name, mean in (("seconds", one.seconds), ("accuracy", one.accuracy)):
        row |= {f"{name}_{part}": getattr(mean, part) for part in _PARTS}
    return row | {f"{name}_front": on for name, on in front.items()}


def _all_of(values: Iterable[object]) -> str:
    return "; ".join(dict.fromkeys(map(str, values)))


def _shown(one: Efficiency, front: Mapping[str, bool]) -> dict[str, str]:
    on = [tr(_SHORT[name]) for name in COSTS if front[name]]
    seconds = count(one.seconds.mean)
    if one.seconds.n > 1:
        seconds += f" ± {count(one.seconds.sd)}"
    return {
        tr("Model"): one.name,
        tr("Learning rate"): learning_rate_text(one.runs[0].learning_rate),
        tr("Seeds"): count(len(one.runs)),
        tr("n"): count(one.images),
        tr("Parameters"): count(one.parameters),
        tr("MACs"): count(one.macs),
        tr("Seconds"): seconds,
        tr("Test accuracy, %"): percent(one.accuracy.mean, one.wilson)
        if one.wilson
        else percent_spread(one.accuracy),
        tr("Pareto front"): tr(", ").join(on) or MISSING,
    }
