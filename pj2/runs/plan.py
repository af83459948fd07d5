"""What a training job does for a run, given what the store has. No torch.

The job does it, and ``pj2 why`` prints it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from pj2.config.study import RunSettings
from pj2.data.layout import DataIdentity
from pj2.errors import in_one_line
from pj2.fingerprint.run import Fingerprint, run_fingerprint
from pj2.runs.derived import Predict, is_kept
from pj2.runs.precision import auto_precision
from pj2.runs.result import Cut, Result, cut, has_result, write_result
from pj2.runs.trajectory import Trajectory, stored_trajectories
from pj2.store.manifest import Manifest
from pj2.store.store import BlobUnavailable, RunStore

Stored = tuple[Manifest, Trajectory]


class Machine(NamedTuple):
    """The hardware and the version of torch, which decide the last digits of a result."""

    hardware: Mapping[str, Any]
    torch: str


@dataclass(frozen=True)
class Restore:
    """Cut the artifacts of a run from stored epochs; nothing is trained."""

    manifest: Manifest
    result: Result

    def __str__(self) -> str:
        return "restored from the store, no training"


@dataclass(frozen=True)
class Continue:
    """Train on from a stored state; `generations` are its manifest and those before it."""

    fingerprint: Fingerprint
    precision: str
    trajectory: Trajectory
    generations: Sequence[Manifest]

    def __str__(self) -> str:
        return f"continues after {self.trajectory.length}, nothing is trained again"


@dataclass(frozen=True)
class Start:
    """Train from the first epoch on; `reason` says why stored epochs are not continued."""

    fingerprint: Fingerprint
    precision: str
    reason: str

    def __str__(self) -> str:
        if not self.reason:
            return "trained from the start, the store has nothing to continue"
        return f"starts over: {self.reason}"


Action = Restore | Continue | Start


def actions(
    settings: RunSettings, data: DataIdentity, store: RunStore, machine: Callable[[], Machine]
) -> Iterator[Action]:
    """Yield the possible actions for a run, the best first; the last, `Start`, always works.

    The others raise BlobUnavailable if a blob that they need is missing or damaged; the
    job then takes the next one.

    With ``precision: auto`` the run is computed in this machine's precision. A finished run
    that another machine computed in its own is as good, so different nodes do not train a
    run twice.

    Args:
        settings: the run, as the config asks for it.
        data: the identity of the prepared data.
        machine: describes this machine; called only if that decides something.
    """
    prints = {
        precision: run_fingerprint(settings.computed_in(precision), data.hash)
        for precision in settings.precisions
    }
    for remote in (False, True) if store.remote else (False,):
        yield from _finished(settings, data, prints, store, machine, remote)
    here = machine()
    precision = settings.precision if len(prints) == 1 else auto_precision(here.hardware)
    stored = list(stored_trajectories(store, prints[precision].digest))
    usable = [each for each in stored if continues_exactly(each[1], here)]
    for position, (_, trajectory) in enumerate(usable):
        # One with all epochs was yielded as `Restore`, and lacks blobs of the result.
        if trajectory.state and not cut(trajectory, settings):
            older = [manifest for manifest, _ in usable[position:]]
            yield Continue(prints[precision], precision, trajectory, older)
    others = [
        stored_trajectories(store, other.digest)
        for key, other in prints.items()
        if key != precision
    ]
    candidates = [*stored, *(each for found in others for each in found)]
    yield Start(prints[precision], precision, _why_start(candidates, bool(usable)))


_LACKING = "the stored run is damaged, incomplete or thinned"


def expected(planned: Iterator[Action], store: RunStore) -> Action:
    """Return the action that a job will take, as far as can be told without reading blobs."""
    lacking = False
    for action in planned:
        if isinstance(action, Start):
            return replace(action, reason=_LACKING) if lacking else action
        if _seems_there(action, store):
            return action
        lacking = True
    raise AssertionError("the last action is to start")


def carry_out(
    planned: Iterator[Action],
    restore: Callable[[Restore], Cut],
    train: Callable[[Continue | Start], Cut],
) -> Cut:
    """Do the first of some `actions` whose blobs the store has intact."""
    lacking = False
    for action in planned:
        try:
            if isinstance(action, Restore):
                return restore(action)
            if isinstance(action, Start) and lacking:
                action = replace(action, reason=_LACKING)
            return train(action)
        except BlobUnavailable:
            if isinstance(action, Start):
                raise
            lacking = True
    raise AssertionError("the last action is to start")


def restore_run(action: Restore, store: RunStore, output: Path, predict: Predict) -> Cut:
    """Write a run's artifacts from the store; see `write_result`. Raises BlobUnavailable."""
    write_result(store, action.result, output, predict)
    store.touch(action.manifest)
    return action.result.end


def in_words(action: Action, store: RunStore) -> str:
    """Describe what a job does for an action."""
    if isinstance(action, Restore) and not is_kept(store, "predictions", action.result.predictions):
        return f"{action}; its test images are predicted again"
    return str(action)


def continues_exactly(stored: Trajectory, here: Machine) -> bool:
    """Tell whether this machine computes the same last digits as the one that began.

    The number of threads matters too, but it can be set: the job takes the stored one.
    """
    same = {**stored.hardware, "threads": None} == {**here.hardware, "threads": None}
    return same and stored.versions["torch"] == here.torch


def _finished(
    settings: RunSettings,
    data: DataIdentity,
    prints: Mapping[str, Fingerprint],
    store: RunStore,
    machine: Callable[[], Machine],
    remote: bool,
) -> Iterator[Restore]:
    """Yield the finished runs, those in this machine's precision first."""
    found = {
        precision: [
            Restore(manifest, Result(settings, data, fingerprint, trajectory, end))
            for manifest, trajectory in stored_trajectories(store, fingerprint.digest, remote)
            if (end := cut(trajectory, settings))
        ]
        for precision, fingerprint in prints.items()
    }
    if len(found) == 1:
        yield from found[settings.precision]
        return
    as_auto = {
        precision: [
            each for each in those if auto_precision(each.result.trajectory.hardware) == precision
        ]
        for precision, those in found.items()
    }
    if found == as_auto and sum(map(bool, found.values())) < 2:  # the machine decides nothing
        yield from (each for those in found.values() for each in those)
        return
    own = auto_precision(machine().hardware)
    yield from found[own]
    yield from (each for key, those in as_auto.items() if key != own for each in those)


def _seems_there(action: Restore | Continue, store: RunStore) -> bool:
    """Tell whether the store has the blobs that an action needs; their content is not read."""
    if isinstance(action, Restore):
        return has_result(store, action.result.trajectory, action.result.settings)
    state = action.trajectory.state
    assert state is not None
    needed = [state.weights, state.optimizer, state.partial, state.probes]
    needed += [b for epoch in action.trajectory.epochs for b in (epoch.steps, epoch.probes)]
    return all(store.has(blob) for blob in needed if blob)


def _why_start(stored: Sequence[Stored], usable: bool) -> str:
    """Return why no stored trajectory can be continued; empty if one can, or there is none."""
    if not stored or usable:
        return ""
    _, trajectory = max(stored, key=lambda each: (len(each[1].epochs), each[0].steps))
    return in_one_line(
        f"{trajectory.length} were made on {trajectory.hardware['name']} in "
        f"{trajectory.facts.precision['used']} with torch {trajectory.versions['torch']}, "
        "and this machine would compute other last digits"
    )
