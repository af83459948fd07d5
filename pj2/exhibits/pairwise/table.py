"""Which models of an experiment differ in test accuracy."""

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
    "Test accuracy of the first model less that of the second, in percentage points, over the "
    "seeds and test images of both, each at the learning rate with the best mean validation "
    "accuracy. In brackets 95 % intervals. Over images: these networks on other test images "
    "(BCa bootstrap). Over seeds: other seeds on these images (Student t). Over both: other "
    "seeds and other images (both drawn independently, BCa bootstrap; too narrow for two or "
    "three seeds that differ much). Only one right: images that one of them recognised and the "
    "other did not, summed over seeds. p: exact McNemar test of each seed, Holm-adjusted for all "
    "of this table, from the least to the greatest; it is about these networks, not about other "
    "seeds. Verdict: with several seeds higher or lower if both the interval over seeds and the "
    "one over both exclude 0, which is not adjusted for the number of pairs; with one seed "
    "higher or lower for this seed if p < 0.05."
)


def pairwise_table(index_paths: Iterable[PathLike]) -> Table:
    """Return one row for each pair of models of an experiment.

    Columns of the CSV: those of `pj2.exhibits.pairwise.numbers.pairwise`, in which ``difference``
    and the ends of its intervals are fractions, and ``by_seed`` is ``seed:difference``
    separated by blanks. An experiment of one model has no row.
    """
    frame, told = pairwise(load_runs(index_paths))
    rows = frame.to_dict("records")
    written = frame.assign(by_seed=[_by_seed(row["by_seed"]) for row in rows])
    nothing = "" if rows else tr("There are no two models to compare.")
    caption = sentences(tr(_CAPTION), nothing, named(told, " "))
    return Table.of(written, caption=caption, shown=pairwise_shown(rows))


def pairwise_shown(rows: Sequence[Mapping[Any, Any]]) -> dict[str, list[str]]:
    """Return rows of `pj2.exhibits.pairwise.numbers.pairwise` as people read them, by heading."""
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
