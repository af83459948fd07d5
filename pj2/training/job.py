"""One training job: settings and prepared data in, the artifacts of a run out."""

from __future__ import annotations

import platform
import time
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

import pj2
from pj2.config.study import RunSettings
from pj2.data.layout import DataIdentity
from pj2.data.prepared import PreparedData
from pj2.errors import UserError
from pj2.evaluation.predict import predict
from pj2.fingerprint.code import read_sources_again, train_digest
from pj2.runs.events import EventFile
from pj2.runs.files import EpochRecord, StepRecords
from pj2.runs.interrupt import Interrupted, InterruptFlag
from pj2.runs.plan import Continue, Restore, Start, actions, restore_run
from pj2.runs.progress_file import Every, ProgressFile
from pj2.runs.result import Cut, Result, cut, write_result
from pj2.runs.trajectory import Trajectory, unpack_probes, unpack_steps
from pj2.store.store import BlobUnavailable, RunStore
from pj2.training.checkpoint import load_state
from pj2.training.device import (
    choose_device,
    describe_device,
    describe_machine,
    prepare_device,
)
from pj2.training.loop import PartialEpoch
from pj2.training.observers import Observers, Step
from pj2.training.probing import Prober
from pj2.training.progress import Reporter, say
from pj2.training.recorder import Recorder
from pj2.training.trainer import Trainer


def run_training(
    settings: RunSettings,
    data: PreparedData,
    output: Path,
    store: RunStore,
    device_name: str = "auto",
    threads: int = 1,
    observers: Observers = (),
    progress: ProgressFile | None = None,
    events: Path | None = None,
) -> Cut:
    """Train one run, from where the store has it to where its budget ends; write its artifacts.

    What is finished in the store is only written.

    How far it is goes to `progress`, and what TensorBoard shows to the folder `events`.

    After every epoch, and when asked to stop, the state goes to the store. A
    loss that is not finite ends the run with status ``diverged``; that is a
    result, not an error. The kept weights are then those of the best epoch
    before, or the initial ones.

    Raises:
        UserError: for a device that is not there, a split that cannot be made,
            or source code that changed while it was being loaded.
        Interrupted: after SIGTERM or SIGINT, once everything is saved.
    """
    code = train_digest(settings.model, settings.probe is not None)
    identity = DataIdentity(data.hash, data.classes)
    device = choose_device(device_name)
    prepare_device(device, threads)

    def predict_with(weights: Path, path: Path) -> None:
        predict(weights, settings, data, path, device)

    with InterruptFlag() as interrupted:
        watching = _Watching(observers, progress, events, interrupted)
        trainer = Trainer(settings, data, device)
        read_sources_again()
        if train_digest(settings.model, settings.probe is not None) != code:
            raise UserError("pj2: its source changed while it was being loaded; run it again")
        damaged = False
        for action in actions(settings, identity, store, lambda: describe_machine(device)):
            try:
                if isinstance(action, Restore):
                    return restore_run(action, store, output, predict_with)
                if isinstance(action, Continue):
                    recorder = _resume(action, trainer, store)
                else:
                    recorder = _fresh(action, trainer, data, store, device, damaged)
                where = _train(trainer, recorder, store, watching)
                result = Result(settings, identity, action.fingerprint, recorder.trajectory, where)
                write_result(store, result, output, predict_with)
                if recorder.newest:
                    store.push(recorder.newest)
                return where
            except BlobUnavailable:
                if isinstance(action, Start):
                    raise
                damaged = True
                trainer = Trainer(settings, data, device)  # what was loaded is not kept
    raise AssertionError("the last action is to start")


@dataclass(frozen=True)
class _Watching:
    """What looks on while a run trains, and what may stop it."""

    observers: Observers
    progress: ProgressFile | None
    events: Path | None
    interrupted: InterruptFlag


def _fresh(
    action: Start,
    trainer: Trainer,
    data: PreparedData,
    store: RunStore,
    device: torch.device,
    damaged: bool,
) -> Recorder:
    """Return a recorder for a trainer that has not made a step."""
    reason = "what the store has of it is damaged or incomplete" if damaged else action.reason
    if reason:
        say(f"{_name(trainer.settings)} · starts over: {reason}")
    trainer.compute_in(action.precision)
    facts = {
        **trainer.facts(),
        "precision": {"asked": trainer.settings.precision, "used": action.precision},
        "data": {
            "hash": data.hash,
            "name": data.name,
            "source": data.source,
            "train_images": len(trainer.train),
            "validation_images": len(trainer.validation),
            "test_images": len(trainer.test),
        },
    }
    trajectory = Trajectory(facts, describe_device(device), _versions())
    return Recorder(store, action.fingerprint, trainer.settings, trajectory, [])


def _resume(action: Continue, trainer: Trainer, store: RunStore) -> Recorder:
    """Bring a trainer to a stored state. Raises BlobUnavailable."""
    stored = action.trajectory
    assert stored.state is not None
    for epoch in stored.epochs:
        store.read(epoch.steps)
        if epoch.probes:
            store.read(epoch.probes)
    load_state(store, trainer, len(stored.epochs), stored.state)
    trainer.compute_in(action.precision)
    threads = stored.hardware["threads"]
    kept = f", with {threads} threads as before" if threads != torch.get_num_threads() else ""
    torch.set_num_threads(threads)
    say(f"{_name(trainer.settings)} · continues after {stored.length}{kept}")
    generations = list(action.generations)
    return Recorder(store, action.fingerprint, trainer.settings, stored, generations)


def _train(trainer: Trainer, recorder: Recorder, store: RunStore, watching: _Watching) -> Cut:
    """Train until the budget ends."""
    settings = trainer.settings
    prober = _prober(trainer, recorder.trajectory, store) if settings.probe else None
    with (
        Reporter(_name(settings), settings.epochs, watching.progress) as reporter,
        _event_file(watching.events, recorder.trajectory, store) as events,
    ):
        while (where := cut(recorder.trajectory, settings)) is None:
            if watching.interrupted():
                raise _interrupted(settings, f"{trainer.epoch} epochs", store.writable)
            _train_epoch(trainer, recorder, reporter, events, prober, watching)
        if where.status == "stopped_early":
            reporter.line(f"stopped: {settings.patience} epochs without a better one")
    return where


def _event_file(
    folder: Path | None, trajectory: Trajectory, store: RunStore
) -> AbstractContextManager[EventFile | None]:
    """Open the event file that a run asks for, with the epochs that it has been through."""
    if folder is None:
        return nullcontext()
    recorded = [(unpack_steps(store.read(epoch.steps)), epoch.row) for epoch in trajectory.epochs]
    return closing(EventFile(folder, recorded))


def _prober(trainer: Trainer, trajectory: Trajectory, store: RunStore) -> Prober:
    """Return what measures a run, with what it has of an epoch that was interrupted."""
    blob = trajectory.state.probes if trajectory.state else None
    start = unpack_probes(store.read(blob)) if blob else None
    return Prober(trainer.settings, trainer.optimizer, start)


class _LossOnDevice:
    """Reads the loss off a GPU every few seconds: the reading waits until the device is there."""

    def __init__(self) -> None:
        self.loss: float | None = None
        self._due = Every()

    def on_step(self, step: Step) -> None:
        """See one step."""
        if self._due():
            self.loss = step.loss.item()


def _train_epoch(
    trainer: Trainer,
    recorder: Recorder,
    reporter: Reporter,
    events: EventFile | None,
    prober: Prober | None,
    watching: _Watching,
) -> None:
    epoch, batch_size = trainer.epoch, trainer.settings.batch_size
    state = recorder.trajectory.state
    before = state.seconds if state else 0.0
    started = time.perf_counter()
    on_device = _LossOnDevice()

    def on_step(done: int, steps: int, loss: float | None) -> None:
        images = min(done * batch_size, len(trainer.train))
        reporter.on_step(epoch, done, steps, images, on_device.loss if loss is None else loss)

    observers = [*watching.observers, *filter(None, [prober])]
    if trainer.train.labels.device.type != "cpu":
        observers.append(on_device)
    result = trainer.train_epoch(observers, on_step, watching.interrupted)
    probes = prober.take() if prober else None
    training_seconds = before + time.perf_counter() - started
    steps = StepRecords(loss=result.losses.numpy(), grad_norm=result.grad_norms.numpy())
    if isinstance(result, PartialEpoch):
        saved = recorder.save_partial(result, training_seconds, trainer, probes)
        done = f"{epoch} epochs and {len(steps.loss)} steps"
        raise _interrupted(trainer.settings, done, saved)
    if result.diverged:
        recorder.add_divergence(steps, trainer, probes)
        if events:
            events.add(steps, None)
        step = epoch * trainer.steps_per_epoch + len(steps.loss)
        reporter.line(f"diverged at step {step}: the loss is not finite")
        return
    validated, tested = trainer.evaluate()
    row = EpochRecord(
        epoch=epoch,
        train_loss=result.mean_loss,
        train_accuracy=result.accuracy,
        val_loss=validated.loss,
        val_accuracy=validated.accuracy,
        test_loss=tested.loss if tested else None,
        test_accuracy=tested.accuracy if tested else None,
        seconds=before + time.perf_counter() - started,
        images_per_second=result.images / training_seconds,
    )
    recorder.add_epoch(row, steps, trainer, probes)
    if events:
        events.add(steps, row)
    reporter.on_epoch(row)


def _interrupted(settings: RunSettings, done: str, saved: bool) -> Interrupted:
    outcome = "saved; run it again to continue" if saved else "which could not be saved"
    return Interrupted(f"{_name(settings)}: stopped after {done}, {outcome}")


def _versions() -> dict[str, str]:
    return {
        "pj2": pj2.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _name(settings: RunSettings) -> str:
    return f"{settings.model} lr={settings.learning_rate!r} seed={settings.seed}"
