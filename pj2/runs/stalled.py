"""Runs that hardly learned: their loss stayed at that of guessing for half of the run."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import entr

from pj2.runs.reading import (
    RunRecord,
    class_shares,
    count_classes,
    minimises_cross_entropy,
    steps,
)

NEAR_CHANCE = 0.1
"""A mean loss less than this many nats below ln K shows no learning, of K equal classes."""
STALLED_SHARE = 0.5
"""The share of its steps without learning from which a run counts as stalled."""
_PARTS = 20


def loss_of_guessing(run: RunRecord) -> float | None:
    """Return the cross-entropy of a network that knows the classes' frequencies and nothing else.

    It is the entropy of `class_shares`, ln K for K equally frequent classes. None for a run that
    minimises another loss.
    """
    return float(entr(class_shares(run)).sum()) if minimises_cross_entropy(run) else None


def is_stalled(run: RunRecord) -> bool:
    """Tell whether a run spent half of its steps or more at the loss of guessing.

    Its steps are cut into 20 equal parts (fewer of a shorter run); a part in which the mean
    training loss is above ln K - 0.1, for K equally frequent classes, taught it nothing. For
    unequal classes that level is lower, in proportion to `loss_of_guessing`. A run that diverged,
    or whose loss is not the cross-entropy, never counts as stalled.
    """
    if run.diverged_at is not None:
        return False
    chance = loss_of_guessing(run)
    if chance is None:
        return False
    level = chance * (1 - NEAR_CHANCE / math.log(count_classes(run)))
    loss = steps(run)["loss"].to_numpy(np.float64)
    means = [part.mean() for part in np.array_split(loss, min(_PARTS, len(loss)))]
    return float(np.mean(np.array(means) > level)) >= STALLED_SHARE


def not_trained(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the runs that diverged or stalled."""
    return [run for run in runs if run.diverged_at is not None or is_stalled(run)]
