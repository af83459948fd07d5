"""One training job: it continues or starts a run, until the run's budget ends."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

import pj2
from pj2.config.study import RunSettings
from pj2.data.layout import DataIdentity
from pj2.data.prepared import PreparedData
from pj2.errors import UserError
from pj2.evaluation.predict import predict
from pj2.fingerprint.code import read_sources_again
from pj2.fingerprint.run import run_fingerprint
from pj2.runs.files import EpochRecord, StepRecords
from pj2.runs.interrupt import Interrupted, InterruptFlag
from pj2.runs.metrics import Sink
from pj2.runs.plan import Continue, Start
from pj2.runs.result import Cut, Result, cut, write_result
from pj2.runs.trajectory import Facts, Trajectory, unpack_probes
from pj2.store.store import RunStore
from pj2.training.checkpoint import load_state
from pj2.training.device import describe_device
from pj2.training.loop import EpochResult, PartialEpoch
from pj2.training.observers import Observers
from pj2.training.probing import Prober
from pj2.training.progress import Meter, name_of
from pj2.training.recorder import Recorder
from pj2.training.trainer import Trainer


@dataclass(frozen=True)
class Watching:
    """What receives a run's steps and metrics during training.

    Args:
        observers: called at every step.
        sinks: receive metrics; their contexts are entered already.
    """

    observers: Observers = ()
    sinks: Sequence[Sink] = ()


def train_run(
    action: Continue | Start,
    settings: RunSettings,
    data: PreparedData,
    output: Path,
    store: RunStore,
    device: torch.device,
    watching: Watching = Watching(),
) -> Cut:
    """Train a run until its budget ends, write its files, and copy it to the remote tier.

    The state is saved to the store after every epoch and on SIGTERM or SIGINT. A
    loss or a weight that is not finite ends the run with status ``diverged``;
    that is a result, not an error. The kept weights are then those of the best
    epoch before, or the initial ones.

    Args:
        action: one of the `actions` for these settings.
        device: prepared; see `prepare_device`.

    Raises:
        BlobUnavailable: if a blob that `action` needs is missing or damaged.
        UserError: if the validation split cannot be made, or the source code changed
            after `action` was chosen.
        Interrupted: after SIGTERM or SIGINT, once everything is saved.
    """
    with InterruptFlag() as interrupted:
        trainer = Trainer(settings, data, device)
        read_sources_again()
        now = run_fingerprint(settings.computed_in(action.precision), data.hash)
        if now.digest != action.fingerprint.digest:
            raise UserError("pj2: its source changed while it was being loaded; run it again")
        trainer.compute_in(action.precision)
        meter = Meter(watching.sinks, settings.epochs, trainer.steps_per_epoch)
        if isinstance(action, Continue):
            recorder = _resume(action, trainer, store, meter)
        else:
            if action.reason:
                meter.line(f"starts over: {action.reason}")
            recorder = _fresh(action, trainer, data, store, device)
        training = _Training(trainer, recorder, store, interrupted, meter)
        end = training.to_the_end(watching.observers)
        identity = DataIdentity(data.hash, data.classes)
        result = Result(settings, identity, action.fingerprint, recorder.trajectory, end)
        write_result(
            store,
            result,
            output,
            lambda weights, path: predict(weights, settings, data, path, device),
        )
        recorder.finish()
        if recorder.newest:
            store.push(recorder.newest)
        return end


def _fresh(
    action: Start, trainer: Trainer, data: PreparedData, store: RunStore, device: torch.device
) -> Recorder:
    """Return a recorder for a trainer that has not made a step."""
    facts = Facts(
        **trainer.facts(),
        precision={"asked": trainer.settings.precision, "used": action.precision},
        data={
            "hash": data.hash,
            "name": data.name,
            "source": data.source,
            "train_images": len(trainer.train),
            "validation_images": len(trainer.validation),
            "test_images": len(trainer.test),
        },
    )
    trajectory = Trajectory(facts, describe_device(device), _versions())
    return Recorder(store, action.fingerprint, trainer.settings, trajectory, [])


def _resume(action: Continue, trainer: Trainer, store: RunStore, meter: Meter) -> Recorder:
    """Load a stored state into a trainer; return its recorder. Raises BlobUnavailable."""
    stored = action.trajectory
    assert stored.state is not None
    for epoch in stored.epochs:
        store.read(epoch.steps)
        if epoch.probes:
            store.read(epoch.probes)
    load_state(store, trainer, len(stored.epochs), stored.state)
    threads = stored.hardware["threads"]
    kept = f", with {threads} threads as before" if threads != torch.get_num_threads() else ""
    torch.set_num_threads(threads)
    meter.line(f"continues after {stored.length}{kept}")
    generations = list(action.generations)
    return Recorder(store, action.fingerprint, trainer.settings, stored, generations)


class _Training:
    """Trains and records epochs until the budget ends or a signal interrupts."""

    def __init__(
        self,
        trainer: Trainer,
        recorder: Recorder,
        store: RunStore,
        interrupted: Callable[[], bool],
        meter: Meter,
    ) -> None:
        self._trainer = trainer
        self._recorder = recorder
        self._store = store
        self._interrupted = interrupted
        self._meter = meter
        self._settings = trainer.settings
        self._prober = self._make_prober() if trainer.settings.probe else None

    def to_the_end(self, observers: Observers) -> Cut:
        """Train epoch after epoch. Raises Interrupted."""
        settings = self._settings
        observers = [*observers, *filter(None, [self._prober]), self._meter]
        while (end := cut(self._recorder.trajectory, settings)) is None:
            if self._interrupted():
                raise self._stopped(f"{self._trainer.epoch} epochs", self._store.writable)
            self._meter.on_epoch(*self._epoch(observers))
        if end.status == "stopped_early":
            self._meter.line(f"stopped: {settings.patience} epochs without a better one")
        return end

    def _epoch(self, observers: Observers) -> tuple[StepRecords, EpochRecord | None]:
        """Train an epoch and record it; return its steps, and its row if it did not diverge."""
        trainer, recorder, epoch = self._trainer, self._recorder, self._trainer.epoch
        state = recorder.trajectory.state
        before = state.seconds if state else 0.0
        started = time.perf_counter()
        result = trainer.train_epoch(observers, self._interrupted)
        probes = self._prober.take() if self._prober else None
        training_seconds = before + time.perf_counter() - started
        quantities = {name: values.numpy() for name, values in result.quantities.items()}
        steps = StepRecords(result.losses.numpy(), result.grad_norms.numpy(), quantities)
        if isinstance(result, PartialEpoch):
            saved = recorder.save_partial(result, training_seconds, trainer, probes)
            raise self._stopped(f"{epoch} epochs and {len(steps.loss)} steps", saved)
        row = None if result.diverged else self._row(epoch, result, training_seconds)
        if row is None:
            recorder.add_divergence(steps, trainer, probes)
            step = epoch * trainer.steps_per_epoch + len(steps.loss)
            self._meter.line(f"diverged at step {step}: the loss or a weight is not finite")
        else:
            recorder.add_epoch(row, steps, trainer, probes)
        return steps, row

    def _row(self, epoch: int, result: EpochResult, training_seconds: float) -> EpochRecord | None:
        """Return an epoch's record; None if a weight or a score after it is not finite."""
        started = time.perf_counter()
        scores = self._trainer.evaluate()
        if scores is None:
            return None
        validated, tested = scores
        return EpochRecord(
            epoch=epoch,
            train_loss=result.mean_loss,
            train_accuracy=result.accuracy,
            val_loss=validated.loss if validated else None,
            val_accuracy=validated.accuracy if validated else None,
            test_loss=tested.loss if tested else None,
            test_accuracy=tested.accuracy if tested else None,
            seconds=training_seconds + time.perf_counter() - started,
            images_per_second=result.images / training_seconds,
        )

    def _make_prober(self) -> Prober:
        """Return a prober, with the stored measurements of an interrupted epoch."""
        state = self._recorder.trajectory.state
        blob = state.probes if state else None
        start = unpack_probes(self._store.read(blob)) if blob else None
        return Prober(self._settings, self._trainer.optimizer, start)

    def _stopped(self, done: str, saved: bool) -> Interrupted:
        outcome = "saved; run it again to continue" if saved else "which could not be saved"
        return Interrupted(f"{name_of(self._settings)}: stopped after {done}, {outcome}")


def _versions() -> dict[str, str]:
    return {
        "pj2": pj2.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
