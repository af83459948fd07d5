"""What a claim comes to: its verdict, and the numbers that the verdict rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pj2.exhibits.claims.published import AccuracyClaim, Claim
from pj2.language import said, tr
from pj2.runs.reading import RunRecord, diverged
from pj2.wording import NOT_SETTLED, named

AGREES, DIFFERS = said("agrees"), said("differs")
MORE, FEWER = said("more"), said("fewer")
HOLDS, IN_PART, FAILS = said("holds"), said("holds in part"), said("does not hold")
NOT_COMPARABLE, NOT_RUN = said("not comparable"), said("not run")

ENOUGH_SEEDS = 3  # to estimate their spread at all


@dataclass(frozen=True)
class Finding:
    """A claim, and what our runs say of it.

    `ours` (by its protocol, where there are two) and `honest` are values by seed:
    accuracies and their differences as fractions, epochs, parameters, or ratios of the
    claim's model to the other. `low` and `high` are the interval that the verdict rests
    on, NaN if it rests on none. `problems` are what keeps the claim from being compared,
    `reason` the numbers that the verdict rests on, or would. `rates` are the learning
    rates, in their one spelling.
    """

    claim: Claim
    verdict: str
    reason: str
    problems: tuple[str, ...] = ()
    experiment: str | None = None
    rates: tuple[str, ...] = ()
    ours: Mapping[int, float] = field(default_factory=dict)
    honest: Mapping[int, float] = field(default_factory=dict)
    low: float = np.nan
    high: float = np.nan

    @property
    def bias(self) -> dict[int, float]:
        """Of an accuracy: what choosing the epoch on the test set adds to it, by seed."""
        return differences(self.ours, self.honest) if isinstance(self.claim, AccuracyClaim) else {}

    def settled(
        self, verdict: str, reason: str, low: float = np.nan, high: float = np.nan
    ) -> Finding:
        """Return the finding with its numbers, and with its verdict if it is comparable."""
        verdict = NOT_COMPARABLE if self.problems else verdict
        reason = tr("; ").join(filter(None, (reason, self.reason)))
        return replace(self, verdict=verdict, reason=reason, low=low, high=high)


def unsettled(
    claim: Claim,
    problems: Iterable[str],
    runs: Sequence[RunRecord],
    ours: Mapping[int, float],
    honest: Mapping[int, float] | None = None,
    lost: str = said("left out, diverged"),
) -> Finding:
    """Return a finding that waits for its verdict, unless problems make it not comparable.

    Its reason names the runs that diverged, where `lost` says what became of them.
    """
    distinct = tuple(dict.fromkeys(problems))
    rates = tuple(sorted({run.lr for run in runs}, key=float))
    verdict = NOT_COMPARABLE if distinct else NOT_SETTLED
    return Finding(claim, verdict, _diverged(runs, lost), distinct, None, rates, ours, honest or {})


def with_n(verdict: str, n: int) -> str:
    """Return a verdict on `n` seeds; with few it says so."""
    return verdict if n >= ENOUGH_SEEDS else f"{verdict} (n < {ENOUGH_SEEDS})"


def differences(first: Mapping[int, float], second: Mapping[int, float]) -> dict[int, float]:
    """Return the first values less the second, for the seeds that both have."""
    return {seed: first[seed] - second[seed] for seed in first if seed in second}


def _diverged(runs: Sequence[RunRecord], what: str) -> str:
    lost = [
        tr("{model} at {lr}, seed {seed}", model=run.model, lr=run.lr, seed=run.seed)
        for run in diverged(runs)
    ]
    return tr(what) + tr(": ") + named(lost) if lost and what else ""
