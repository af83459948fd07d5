"""The table of differences in test accuracy between the models of an experiment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from pj2.exhibits.format import MISSING, Table, count
from pj2.exhibits.pairwise.numbers import pairwise
from pj2.language import said, tr
from pj2.runs.reading import PathLike, load_runs
from pj2.wording import named, sentences, verdict_in_words

_CAPTION = said(
    "Test accuracy of the first model less the second's, in points. 95 % intervals over images: "
    "these networks on other test images; over seeds: other seeds. p: exact McNemar tests by seed, "
    "Holm-adjusted. Verdicts of several seeds are not adjusted for the number of pairs."
)


def pairwise_table(index_paths: Iterable[PathLike]) -> Table:
    """Return one row for each pair of models of an experiment.

    Columns of the CSV: those of `pj2.exhibits.pairwise.numbers.pairwise`; ``difference`` and the
    ends of its intervals are fractions, and ``by_seed`` is ``seed:difference`` separated by
    blanks. The table of an experiment with one model is empty.
    """
    frame, told = pairwise(load_runs(index_paths))
    rows = frame.to_dict("records")
    written = frame.assign(by_seed=[_by_seed(row["by_seed"]) for row in rows])
    nothing = "" if rows else tr("There are no two models to compare.")
    caption = sentences(tr(_CAPTION), nothing, named(told, " "))
    return Table.of(written, caption=caption, shown=pairwise_shown(rows))


def pairwise_shown(rows: Sequence[Mapping[Any, Any]]) -> dict[str, list[str]]:
    """Return rows of `pj2.exhibits.pairwise.numbers.pairwise` as text for people, by heading."""
    return {
        tr("Models"): [f"{row['model']} − {row['other']}" for row in rows],
        tr("Learning rates"): [
            tr(", ").join(dict.fromkeys([row["lr"], row["other_lr"]])) for row in rows
        ],
        tr("Seeds"): [count(row["seeds"]) for row in rows],
        tr("Images"): [count(row["images"]) for row in rows],
        tr("Difference, points"): [_points(row["difference"]) for row in rows],
        tr("Over images"): [_interval(row, "images") for row in rows],
        tr("Over seeds"): [_interval(row, "seeds") for row in rows],
        tr("Over both"): [_interval(row, "both") for row in rows],
        tr("Only one right"): [count(row["discordant"]) for row in rows],
        tr("p"): [_p_values(row) for row in rows],
        tr("Verdict"): [verdict_in_words(row["verdict"]) for row in rows],
    }


def _by_seed(differences: Mapping[int, float]) -> str:
    return " ".join(f"{seed}:{difference!r}" for seed, difference in differences.items())


def _interval(row: Mapping[Any, Any], over: str) -> str:
    low, high = row[f"{over}_low"], row[f"{over}_high"]
    return MISSING if pd.isna(low) else f"[{_points(low)}, {_points(high)}]"


def _p_values(row: Mapping[Any, Any]) -> str:
    least, greatest = (f"{row[name]:.2g}" for name in ("p_least", "p_greatest"))
    if least == greatest:
        return least
    return tr("{least} to {greatest}", least=least, greatest=greatest)


def _points(fraction: float) -> str:
    return f"{100 * fraction:+.2f}".replace("-", "−")
