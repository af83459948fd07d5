"""The outcome of each run, and how much it depends on the learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pj2.exhibits.landscape.numbers import band_runs
from pj2.language import said, tr
from pj2.runs.reading import RunRecord, class_shares, count_steps, epochs, steps, test_result
from pj2.runs.stalled import is_stalled, loss_of_guessing
from pj2.statistics import NO_VALUES, Mean, mean_interval

LEARNED, STALLED, DIVERGED = said("learned"), said("hardly learned"), said("diverged")
_SHARES = (4, 2, 1)  # losses are shown after a quarter, a half and all of the common steps
_WINDOW, _LEAST = 20, 5  # a loss is the mean of a twentieth of these steps, of 5 at least


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run: its state (one of the three words above), losses and test accuracy.

    `losses` maps a number of steps to the mean training loss of the last of them, NaN if the run
    diverged before. `accuracy` is that at the chosen epoch, as a fraction, NaN if the run
    diverged before it finished one.
    """

    run: RunRecord
    state: str
    losses: Mapping[int, float]
    accuracy: float


def outcomes(runs: Sequence[RunRecord]) -> list[Outcome]:
    """Return the outcome of each run; all have losses after the same numbers of steps.

    Raises UserError if two runs of a model and seed have one learning rate.
    """
    band_runs(runs)
    counts, window = step_counts(runs)
    found = []
    for run in runs:
        loss = steps(run)["loss"].to_numpy(np.float64)
        losses = {n: _mean_before(loss, n, window) for n in counts}
        tested = test_result(run)
        accuracy = math.nan if tested is None else tested[0] / tested[1]
        found.append(Outcome(run, state_of(run), losses, accuracy))
    return found


def step_counts(runs: Sequence[RunRecord]) -> tuple[list[int], int]:
    """Return the numbers of steps after which losses are shown, and the window of their mean.

    They are a quarter, a half and all of the steps common to the runs that did not diverge (of
    the longest run, if all diverged). The window is a twentieth of these steps, at least 5.
    """
    lengths = [count_steps(run) for run in runs if run.diverged_at is None]
    common = min(lengths) if lengths else max(map(count_steps, runs))
    counts = sorted({max(1, common // share) for share in _SHARES})
    return counts, min(counts[0], max(_LEAST, common // _WINDOW))


def _mean_before(loss: np.ndarray, count: int, window: int) -> float:
    return float(loss[count - window : count].mean()) if len(loss) >= count else math.nan


def state_of(run: RunRecord) -> str:
    """Return whether a run learned, hardly learned or diverged."""
    if run.diverged_at is not None:
        return DIVERGED
    return STALLED if is_stalled(run) else LEARNED


@dataclass(frozen=True)
class Guess:
    """The loss, None if no run has the cross-entropy, and the accuracy of guessing."""

    loss: float | None
    accuracy: float


def guessing(runs: Sequence[RunRecord]) -> Guess:
    """Return the level of guessing: that of a network that knows the classes' frequencies alone.

    For K equally frequent classes these are 1 / K and, for runs with cross-entropy, ln K.
    """
    loss = next(filter(None, map(loss_of_guessing, runs)), None)
    return Guess(loss, float(class_shares(runs[0]).max()))


def mean_if_all_learned(group: Iterable[tuple[str, float]]) -> Mean:
    """Return the mean over seeds at one rate, from each seed's state and value.

    There is none if a seed failed, since the mean of the other seeds would be biased.
    """
    seeds = list(group)
    if any(state != LEARNED for state, _ in seeds):
        return NO_VALUES
    return mean_interval([value for _, value in seeds])


def what_a_line_joins(runs: Iterable[RunRecord]) -> str:
    """Return a sentence on the lines between the means of `mean_if_all_learned`."""
    if len({run.seed for run in runs}) == 1:
        return tr("A line joins the rates at which a model learned.")
    return tr(
        "A line joins the means over seeds, with a gap at a rate at which a seed did not learn."
    )


def greatest_that_learns(states: Iterable[tuple[str, str]]) -> str | None:
    """Return the greatest learning rate at which no run failed, whatever happened at lower rates.

    `states` has each run's rate and state. None if a run failed at every rate.
    """
    runs = list(states)
    failed = {rate for rate, state in runs if state != LEARNED}
    return max({rate for rate, _ in runs} - failed, key=float, default=None)


@dataclass(frozen=True)
class Seed:
    """A model trained from one seed: states and final losses by rate, the least rate first.

    A final loss is the mean training loss of a run's last epoch, infinite if it diverged. It is
    the minimised loss, with label smoothing if the recipe has any. `initial` is the loss at
    initialisation, taken as that of guessing: see `loss_of_guessing`. None if unknown.
    """

    model: str
    seed: int
    states: Mapping[str, str]
    final: Mapping[str, float]
    initial: float | None

    @property
    def greatest(self) -> str | None:
        """The greatest learning rate at which the model learns."""
        return greatest_that_learns(self.states.items())

    @property
    def best(self) -> float:
        """The least final loss; NaN if every run diverged."""
        least = min(self.final.values())
        return least if math.isfinite(least) else math.nan

    @property
    def sensitivity(self) -> float:
        """The sensitivity of the final loss to the learning rate, in nats.

        It is the learning-rate sensitivity of Wortsman et al. 2023 (arXiv 2309.14322, section
        2.2), with the rates η that were tried, all of the same weight, for a range [a, b]:

            mean over η of [min(ℓ(η), ℓ0) − ℓ*]    where ℓ* = min over η of ℓ(η)

        ℓ0 is `initial`, which also stands for a diverged run. ℓ(η) is the `final` training loss;
        the paper uses the validation loss. There each text is seen once, so the two are the same.
        Here a validation loss may grow beyond ℓ0 while the network memorises the images, and a
        recipe may set no images aside; the band is one of training losses too.

        NaN for a single rate, if no rate learns, and if ℓ0 is unknown.
        """
        if self.initial is None or len(self.final) < 2 or self.greatest is None:
            return math.nan
        capped = np.minimum(list(self.final.values()), self.initial)
        return float(np.mean(capped - capped.min()))


def seeds_of(runs: Sequence[RunRecord]) -> list[Seed]:
    """Return the seeds of each model, in the order of its bands.

    Raises UserError if two runs of a model and seed have one learning rate.
    """
    found = []
    for (model, seed), members in band_runs(runs).items():
        by_rate = {run.lr: run for run in sorted(members, key=lambda run: run.learning_rate)}
        states = {rate: state_of(run) for rate, run in by_rate.items()}
        final = {rate: _final_loss(run) for rate, run in by_rate.items()}
        initial = next(filter(None, map(loss_of_guessing, members)), None)
        found.append(Seed(model, seed, states, final, initial))
    return found


def _final_loss(run: RunRecord) -> float:
    return math.inf if run.diverged_at is not None else float(epochs(run)["train_loss"].iloc[-1])
