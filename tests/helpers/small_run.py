"""A training run of seconds, which tests interrupt, kill, continue and damage."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pandas as pd

from pj2.config.study import RunSettings
from pj2.data.layout import DataIdentity
from pj2.data.prepared import PreparedData
from pj2.evaluation.predict import predict
from pj2.runs.events import event_file
from pj2.runs.files import BEST, LAST, PREDICTIONS, STEPS
from pj2.runs.plan import Continue, Restore, Start, actions, carry_out, restore_run
from pj2.runs.result import Cut
from pj2.store.files import sha256_file
from pj2.store.store import RunStore
from pj2.store.tiers import Folder
from pj2.training.device import choose_device, describe_machine, prepare_device
from pj2.training.job import Watching, train_run
from pj2.training.observers import Observers
from pj2.training.progress import terminal
from tests.helpers.bright_images import bright_images


def small_settings(**changes) -> RunSettings:
    base = {
        "model": "BasicCNN",
        "learning_rate": 1e-3,
        "seed": 0,
        "epochs": 3,
        "batch_size": 8,
        "validation_fraction": 0.2,
        "precision": "fp32",  # auto depends on the machine
    }
    return RunSettings(**{**base, **changes})


def small_data() -> PreparedData:
    """75 training and 20 test images; a class is a brightness, plus noise."""
    mean = std = (0.4, 0.4, 0.4)
    classes = tuple("abcdefghij")
    return PreparedData(
        *bright_images(75, 20), mean, std, classes, "0" * 64, "custom", "imagefolder"
    )


def open_folder(path: Path, said: list[str] | None = None) -> RunStore:
    return RunStore(Folder(path), say=print if said is None else said.append)


def train(folder: Path, store: Path | RunStore, observers=(), **changes) -> Cut:
    """Restore a run, or else train it."""
    runs = store if isinstance(store, RunStore) else open_folder(store)
    return run_training(small_settings(**changes), small_data(), folder, runs, observers)


def run_training(
    settings: RunSettings,
    data: PreparedData,
    folder: Path,
    store: RunStore,
    observers: Observers = (),
    events: Path | None = None,
) -> Cut:
    """Do on this processor what `pj2 train` does."""

    def restore_it(action: Restore) -> Cut:
        end = restore_run(
            action, store, folder, lambda best, path: predict(best, settings, data, path, device)
        )
        epochs = action.result.trajectory.recorded(end.epochs, end.status == "diverged")
        with event_file(events, epochs, store):
            return end

    def train_it(action: Continue | Start) -> Cut:
        epochs = action.trajectory.epochs if isinstance(action, Continue) else ()
        with terminal(settings) as shown, event_file(events, epochs, store) as file:
            watching = Watching(observers, sinks=[shown, file])
            return train_run(action, settings, data, folder, store, device, watching)

    device = choose_device("cpu")
    prepare_device(device, 1)
    identity = DataIdentity(data.hash, data.classes)
    found = actions(settings, identity, store, lambda: describe_machine(device))
    return carry_out(found, restore_it, train_it)


def artifacts(folder: Path) -> dict[str, str]:
    """The digests of the files that must be the same to the last bit."""
    return {name: sha256_file(folder / name) for name in (BEST, LAST, STEPS, PREDICTIONS)}


def assert_same_run(folder: Path, other: Path) -> None:
    steps = pd.read_parquet(folder / STEPS)
    assert steps.step.tolist() == list(range(len(steps)))  # none missing, none twice
    one, two = artifacts(folder), artifacts(other)
    assert [name for name in one if one[name] != two[name]] == []


class SignalAt:
    """An observer that sends this process a signal at one step."""

    def __init__(self, step: int, number: int = signal.SIGTERM) -> None:
        self._step, self._number = step, number

    def on_step(self, step) -> None:
        if step.index == self._step:
            os.kill(os.getpid(), self._number)


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
