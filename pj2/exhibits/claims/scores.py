"""Claims about a run's scores at one learning rate: accuracies, epochs, losses, time.

A run has two test accuracies. By *its protocol*, the report's, it is the greatest of any epoch,
chosen on the test set itself. By the *honest* protocol it is that at the epoch which validation
chose; a run monitored on the test set has none.

Runs that diverged or stalled get no verdict: they did not learn anything to compare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pj2.exhibits.claims.comparable import data_name_problems, run_problems, setting_problems
from pj2.exhibits.claims.finding import (
    EPOCHS,
    NATS,
    POINTS,
    Finding,
    about_a_ratio,
    about_a_value,
    about_an_order,
    differences,
    unless_lost,
    unsettled,
)
from pj2.exhibits.claims.kinds import (
    AccuracyClaim,
    AtOneRate,
    EpochsClaim,
    GapClaim,
    LongerClaim,
    NearClaim,
    OrderClaim,
    ParametersClaim,
    ReachesClaim,
    SettlesClaim,
    SoonerClaim,
)
from pj2.exhibits.claims.published import Report
from pj2.exhibits.claims.verdicts import AGREES, DIFFERS, Judged
from pj2.language import tr
from pj2.runs.reading import RunRecord, epochs, test_result
from pj2.wording import named

_STABLE = 0.005  # a share of images: half a point

Measure = Callable[[RunRecord, pd.DataFrame], float | None]
"""Maps a run and its epochs to a number; None if it was not measured."""


@dataclass(frozen=True)
class _AtRate:
    """The runs of a model at a claim's learning rate, one per seed, and their epochs."""

    runs: list[RunRecord]
    epochs: dict[int, pd.DataFrame]

    @classmethod
    def of(cls, claim: AtOneRate, runs: Sequence[RunRecord]) -> _AtRate:
        own = [run for run in runs if run.lr == claim.rate]
        return cls(own, {run.seed: epochs(run) for run in own if run.diverged_at is None})

    def by_seed(self, measure: Measure) -> dict[int, float]:
        """Return the measured number of each run that did not diverge, by seed."""
        measured = {
            run.seed: measure(run, self.epochs[run.seed])
            for run in self.runs
            if run.seed in self.epochs
        }
        return {s: float(v) for s, v in measured.items() if v is not None and not np.isnan(v)}

    def problems(self, claim: AtOneRate, report: Report) -> list[str]:
        """Return why these runs cannot be compared with the report's."""
        if not self.runs:
            return [tr("no run at learning rate {lr}", lr=claim.rate)]
        whole = [run for run in self.runs if run.seed in self.epochs]
        return run_problems(self.runs, whole, report)


def best(_: RunRecord, epochs: pd.DataFrame) -> float:
    """Return the greatest test accuracy of any epoch."""
    return float(epochs["test_accuracy"].max())


def honest(run: RunRecord, _: pd.DataFrame) -> float | None:
    """Return the test accuracy at the epoch that validation chose."""
    result = test_result(run)
    if result is None or run.info["settings"]["monitor"] == "test_accuracy":
        return None
    return result[0] / result[1]


def check_parameters(claim: ParametersClaim, groups: Groups, report: Report) -> Finding:
    """Compare the published number of parameters with ours: equal, or it "differs".

    The number depends on the architecture and the number of classes, not on the recipe.
    """
    (runs,) = groups
    ours = {run.seed: float(run.info["parameters"]) for run in runs}
    problems = [line for run in runs for line in data_name_problems(run, report)]
    problems += [line for run in runs for line in setting_problems(run, report, {"architecture"})]
    finding = unsettled(claim, problems, runs, ours)
    gaps = sorted({int(run.info["parameters"]) - claim.value for run in runs})
    if gaps == [0]:
        return finding.settled(Judged(AGREES), tr("equal"))
    in_words = tr(", ").join(f"{gap:+,}" for gap in gaps)
    return finding.settled(Judged(DIFFERS), tr("ours less the published: {apart}", apart=in_words))


def check_accuracy(claim: AccuracyClaim, groups: Groups, report: Report) -> Finding:
    """Compare a published accuracy with ours by its protocol, or after its number of epochs."""
    own = _AtRate.of(claim, groups[0])
    measure, also = (best, honest) if claim.epoch is None else (_after(claim.epoch), None)
    ours = own.by_seed(measure)
    problems = own.problems(claim, report) if claim.epoch is None else _as_far(claim, own, report)
    problems += _unmeasured(own)
    finding = unsettled(claim, problems, own.runs, ours, own.by_seed(also) if also else None)
    finding = about_a_value(finding, claim.value / 100, claim.margin / 100, POINTS)
    return unless_lost(finding, own.runs)


def check_epochs(claim: EpochsClaim, groups: Groups, report: Report) -> Finding:
    """Compare the numbers of epochs after which runs ended."""
    own = _AtRate.of(claim, groups[0])
    finding = unsettled(
        claim,
        own.problems(claim, report),
        own.runs,
        own.by_seed(lambda run, _: run.info["epochs_run"]),
    )
    return unless_lost(about_a_value(finding, claim.value, claim.margin, EPOCHS), own.runs)


def check_settles(claim: SettlesClaim, groups: Groups, report: Report) -> Finding:
    """Compare the numbers of epochs until the test accuracy is close to its greatest.

    A run that comes so close in its last epoch only has no such number: it may still rise.
    """
    own = _AtRate.of(claim, groups[0])

    def settled(_: RunRecord, frame: pd.DataFrame) -> float | None:
        epoch = _reached(frame, float(frame["test_accuracy"].max()) - _STABLE)
        return epoch if epoch is not None and epoch < len(frame) else None

    ours = own.by_seed(settled)
    problems = own.problems(claim, report)
    rose = [tr("the test accuracy still rose in the last epoch")]
    problems += _unmeasured(own) or (rose if len(ours) < len(own.epochs) else [])
    finding = unsettled(claim, problems, own.runs, ours)
    return unless_lost(about_a_value(finding, claim.value, claim.margin, EPOCHS), own.runs)


def check_reaches(claim: ReachesClaim, groups: Groups, report: Report) -> Finding:
    """Compute how far the greatest test accuracy of the first epochs lies above a level."""
    own = _AtRate.of(claim, groups[0])

    def above(_: RunRecord, frame: pd.DataFrame) -> float:
        return float(frame["test_accuracy"][: claim.epochs].max()) - claim.level / 100

    problems = _as_far(claim, own, report) + _unmeasured(own)
    finding = unsettled(claim, problems, own.runs, own.by_seed(above))
    return unless_lost(about_an_order(finding, POINTS), own.runs)


def check_order(claim: OrderClaim | NearClaim, groups: Groups, report: Report) -> Finding:
    """Compare two models' accuracies seed by seed: which is greater, or whether they are near.

    A verdict is given only if both protocols lead to it.
    """
    pair = _pair(claim, groups)
    (ours, also) = (_apart(pair, measure) for measure in (best, honest))
    problems = _pair_problems(claim, pair, report) + _unmeasured(*pair)
    finding = unsettled(claim, problems, _runs(pair), ours, also)
    margin = claim.margin / 100 if isinstance(claim, NearClaim) else None
    return unless_lost(about_an_order(finding, POINTS, margin), _runs(pair))


def check_gap(claim: GapClaim, groups: Groups, report: Report) -> Finding:
    """Compare the gaps, test loss less training loss, after the last epoch."""
    pair = _pair(claim, groups)

    def gap(_: RunRecord, frame: pd.DataFrame) -> float:
        return float(frame["test_loss"].iloc[-1] - frame["train_loss"].iloc[-1])

    ours = _apart((pair[1], pair[0]), gap)  # smaller: the other model's gap less the model's
    problems = _pair_problems(claim, pair, report) + _unmeasured(*pair)
    finding = unsettled(claim, problems, _runs(pair), ours)
    return unless_lost(about_an_order(finding, NATS), _runs(pair))


def check_sooner(claim: SoonerClaim, groups: Groups, report: Report) -> Finding:
    """Compare the epochs needed to reach a test accuracy.

    A run that never reached it counts as needing one epoch more than the longer run of its seed,
    so the difference is the least that it can be. A seed with which neither model reached it has
    no number.
    """
    pair = _pair(claim, groups)

    def needed(_: RunRecord, frame: pd.DataFrame) -> float | None:
        if frame["test_accuracy"].isna().any():
            return None
        return _reached(frame, claim.level / 100) or np.inf

    own, other = (model.by_seed(needed) for model in pair)
    seeds = [seed for seed in own if seed in other]
    most = {seed: max(len(model.epochs[seed]) for model in pair) + 1 for seed in seeds}
    apart = {seed: min(other[seed], most[seed]) - min(own[seed], most[seed]) for seed in seeds}
    problems = _pair_problems(claim, pair, report) + _unmeasured(*pair)
    missed = [{seed for seed in seeds if np.isinf(epochs[seed])} for epochs in (own, other)]
    neither = missed[0] & missed[1]
    if neither:
        problems.append(
            tr(
                "neither {one} nor {other} reached {level:g} % (seed {seeds})",
                one=claim.model, other=claim.than, level=claim.level, seeds=_listed(neither),
            )
        )  # fmt: skip
    never = [
        tr(
            "{model} never reached {level:g} % (seed {seeds}), which counts as one epoch more "
            "than the longer run",
            model=model, level=claim.level, seeds=_listed(alone),
        )
        for model, late in zip(claim.models, missed, strict=True)
        if (alone := late - neither)
    ]  # fmt: skip
    ours = {seed: apart[seed] for seed in seeds if seed not in neither}
    finding = replace(unsettled(claim, problems, _runs(pair), ours), reason=tr("; ").join(never))
    return unless_lost(about_an_order(finding, EPOCHS), _runs(pair))


def check_longer(claim: LongerClaim, groups: Groups, report: Report) -> Finding:
    """Compare how long whole runs took; runs on unlike hardware are not comparable."""
    pair = _pair(claim, groups)
    own, other = (model.by_seed(lambda run, _: float(run.info["seconds"])) for model in pair)
    ratios = {seed: own[seed] / other[seed] for seed in own if seed in other}
    problems = _pair_problems(claim, pair, report)
    used = {(run.info["hardware"]["name"], run.info["hardware"]["threads"]) for run in _runs(pair)}
    if len(used) > 1:
        problems.append(tr("computed on unlike hardware"))
    finding = unsettled(claim, problems, _runs(pair), ratios)
    return unless_lost(about_a_ratio(finding, 1.0, greater=True), _runs(pair))


Groups = Sequence[Sequence[RunRecord]]
"""The runs of each model of a claim."""


def _after(epoch: int) -> Measure:
    """Return the measure of the test accuracy after this number of epochs."""

    def measure(_: RunRecord, frame: pd.DataFrame) -> float | None:
        return float(frame["test_accuracy"].iloc[epoch - 1]) if len(frame) >= epoch else None

    return measure


def _reached(frame: pd.DataFrame, level: float) -> int | None:
    """Return the number of epochs until the test accuracy first reaches a level; None if never."""
    there = np.flatnonzero(frame["test_accuracy"].to_numpy() >= level)
    return int(there[0]) + 1 if len(there) else None


def _listed(seeds: Iterable[int]) -> str:
    return named([str(seed) for seed in sorted(seeds)], tr(", "))


def _as_far(claim: AccuracyClaim | ReachesClaim, own: _AtRate, report: Report) -> list[str]:
    """Return problems of a claim about the first epochs only, however the runs ended.

    A run that validation ended before has reached all that it would.
    """
    asked = claim.epoch if isinstance(claim, AccuracyClaim) else claim.epochs
    if not own.runs:
        return own.problems(claim, report)
    problems = run_problems(own.runs, [], report)
    ended = {run.seed for run in own.runs if run.info["status"] == "completed"}
    needed = own.epochs.keys() if isinstance(claim, AccuracyClaim) else own.epochs.keys() & ended
    if any(len(own.epochs[seed]) < (asked or 0) for seed in needed):
        problems.append(tr("fewer than {n} epochs", n=asked))
    return problems


def _pair(claim: AtOneRate, groups: Groups) -> tuple[_AtRate, _AtRate]:
    return _AtRate.of(claim, groups[0]), _AtRate.of(claim, groups[1])


def _runs(pair: Sequence[_AtRate]) -> list[RunRecord]:
    return [run for model in pair for run in model.runs]


def _apart(pair: Sequence[_AtRate], measure: Measure) -> dict[int, float]:
    return differences(pair[0].by_seed(measure), pair[1].by_seed(measure))


def _pair_problems(
    claim: OrderClaim | NearClaim | GapClaim | SoonerClaim | LongerClaim,
    pair: Sequence[_AtRate],
    report: Report,
) -> list[str]:
    problems = [line for model in pair for line in model.problems(claim, report)]
    seeds, others = ({run.seed for run in model.runs} for model in pair)
    if not problems and seeds.isdisjoint(others):
        problems.append(
            tr("{one} and {other} have no seed in common", one=claim.model, other=claim.than)
        )
    return problems


def _unmeasured(*models: _AtRate) -> list[str]:
    """Return a problem if a run has epochs without a test accuracy."""
    frames = [frame for model in models for frame in model.epochs.values()]
    if any(frame["test_accuracy"].isna().any() for frame in frames):
        return [tr("the test set was not measured after every epoch")]
    return []
