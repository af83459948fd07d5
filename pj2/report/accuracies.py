"""The page's first picture: the test accuracy of each model, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pj2.exhibits.learning_rates.numbers import guessing
from pj2.exhibits.palette import colours
from pj2.exhibits.tested import Accuracy, test_accuracies
from pj2.language import tr
from pj2.report.contents import Shown
from pj2.wording import sentences, span

_MOST = 8  # models of an experiment: the most accurate ones


@dataclass(frozen=True)
class Row:
    """A model's row: its name, a line of detail, and its accuracy and interval in percent."""

    name: str
    detail: str
    colour: str
    mean: float
    low: float | None
    high: float | None

    @property
    def interval(self) -> str:
        """The interval in brackets, if there is one."""
        return "" if self.low is None else f" [{self.low:.1f}, {self.high:.1f}]"


@dataclass(frozen=True)
class Picture:
    """Each experiment's rows, in the order of the config, and the accuracy of guessing."""

    groups: tuple[tuple[str, tuple[Row, ...]], ...]
    chance: float
    caption: str


def picture(shown: Shown) -> Picture:
    """Return the picture of a study; without groups if no model was tested."""
    of_model = colours(run.model for run in shown.runs)
    groups = []
    hidden = 0
    for name in shown.contents.config.experiments:
        every = test_accuracies(shown.of([name]))
        best = sorted(every, key=lambda each: -each.mean.mean)[:_MOST]
        hidden += len(every) - len(best)
        rows = tuple(_row(each, of_model[each.runs[0].model]) for each in every if each in best)
        if rows:
            groups.append((name, rows))
    chance = 100 * guessing(shown.runs).accuracy
    return Picture(tuple(groups), chance, _caption(chance, hidden))


def _row(accuracy: Accuracy, colour: str) -> Row:
    mean, run = accuracy.mean, accuracy.runs[0]
    detail = tr(
        "lr {lr} · epochs {epochs} · n = {n}",
        lr=run.lr, epochs=span(each.info["epochs_run"] for each in accuracy.runs), n=mean.n,
    )  # fmt: skip
    low, high = (None if math.isnan(end) else 100 * end for end in (mean.low, mean.high))
    return Row(run.model, detail, colour, 100 * mean.mean, low, high)


def _caption(chance: float, hidden: int) -> str:
    return sentences(
        tr(
            "Test accuracy, %, of each model at its chosen learning rate: the mean over n seeds "
            "with its 95 % interval over seeds, or one seed with its 95 % interval over test "
            "images."
        ),
        tr("Dashed: guessing, {chance:.3g} %.", chance=chance),
        tr("{n:,} less accurate models are in the tables only.", n=hidden) if hidden else "",
    )
