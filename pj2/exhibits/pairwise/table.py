"""Which models of an experiment differ in test accuracy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from pj2.exhibits.format import MISSING, Table, count
from pj2.exhibits.pairwise.numbers import pairwise
from pj2.language import said
from pj2.runs.reading import PathLike, load_runs
from pj2.wording import named

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
_NOTHING = "There are no two models to compare."
_SHOWN = (
    "Models", "Learning rates", "Seeds", "Images", "Difference, points", "Over images",
    "Over seeds", "Over both", "Only one right", "p", "Verdict",
)  # fmt: skip


def pairwise_table(index_paths: Iterable[PathLike]) -> Table:
    """Return one row for each pair of models of an experiment.

    Columns of the CSV: those of `analysis.pairwise.pairwise`, in which ``difference``
    and the ends of its intervals are fractions, and ``by_seed`` is ``seed:difference``
    separated by blanks. An experiment of one model has no row.
    """
    frame, told = pairwise(load_runs(index_paths))
    rows = frame.to_dict("records")
    shown = pd.DataFrame([_shown(row) for row in rows], columns=list(_SHOWN))
    written = frame.assign(by_seed=[_by_seed(row["by_seed"]) for row in rows])
    caption = " ".join([_CAPTION, *([] if rows else [_NOTHING]), *_left_out(told)])
    return Table.of(written, caption=caption, shown=shown)


def _left_out(told: list[str]) -> list[str]:
    return [named(told, " ")] if told else []


def _by_seed(differences: Mapping[int, float]) -> str:
    return " ".join(f"{seed}:{difference!r}" for seed, difference in differences.items())


def _shown(row: Mapping[Any, Any]) -> dict[str, str]:
    lrs = [row["lr"], row["other_lr"]]
    least, greatest = (f"{row[name]:.2g}" for name in ("p_least", "p_greatest"))
    return {
        "Models": f"{row['model']} − {row['other']}",
        "Learning rates": ", ".join(dict.fromkeys(lrs)),
        "Seeds": count(row["seeds"]),
        "Images": count(row["images"]),
        "Difference, points": _points(row["difference"]),
        **{
            f"Over {name}": _interval(row[f"{name}_low"], row[f"{name}_high"])
            for name in ("images", "seeds", "both")
        },
        "Only one right": count(row["discordant"]),
        "p": least if least == greatest else f"{least} to {greatest}",
        "Verdict": row["verdict"],
    }


def _interval(low: float, high: float) -> str:
    return MISSING if pd.isna(low) else f"[{_points(low)}, {_points(high)}]"


def _points(fraction: float) -> str:
    return f"{100 * fraction:+.2f}".replace("-", "−")
