"""Several nodes record the same run at once, in one store that others verify and clear."""

from __future__ import annotations

import multiprocessing
import random
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from pj2.fingerprint.run import run_fingerprint
from pj2.runs.files import EpochRecord, ProbeRecords, StepRecords
from pj2.runs.trajectory import Trajectory
from pj2.store.maintain import clear, verify
from pj2.training.checkpoint import load_state
from pj2.training.loop import PartialEpoch
from pj2.training.recorder import Recorder
from tests.helpers.made_up import FACTS
from tests.helpers.small_run import open_folder, small_settings

EPOCHS, ROUNDS = 6, 5
HARDWARE = {"name": "cpu", "threads": 1}


class Trained:
    """What a recorder asks of a trainer, after some epochs: the same on every node."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def weights(self):
        return {"weight": torch.full((8,), float(self.epoch))}

    def optimizer_state(self):
        return {"momentum": torch.full((8,), -float(self.epoch))}

    def restore(self, epoch, weights, optimizer, partial):
        assert (weights["weight"] == epoch).all()
        assert (optimizer["momentum"] == -epoch).all()
        self.epoch = epoch


def recorder_of(store, settings):
    """Go on from the most advanced state in the store, as a training job does."""
    fingerprint = run_fingerprint(settings, "0" * 64)
    generations = list(store.manifests(fingerprint.digest))
    if not generations:
        return Recorder(
            store, fingerprint, settings, Trajectory(FACTS, HARDWARE, {"torch": "2"}), []
        )
    newest = Trajectory.of(generations[0])
    return Recorder(store, fingerprint, settings, newest, generations)


def add_epoch(recorder, probes=None):
    epoch = len(recorder.trajectory.epochs)
    # How long it took is a node's own, so no two nodes write the same manifest.
    row = EpochRecord(epoch, 1.0, 0.5, 1.0, 0.5, None, None, random.random(), random.random())
    steps = StepRecords(np.full(4, epoch, np.float32), np.ones(4, np.float32))
    recorder.add_epoch(row, steps, Trained(epoch + 1), probes)


def record(root, **settings):
    """Take a run to its end in a store where others do the same."""
    said: list[str] = []
    recorder = recorder_of(open_folder(Path(root), said), small_settings(**settings))
    while len(recorder.trajectory.epochs) < EPOCHS:
        add_epoch(recorder)
        time.sleep(random.random() / 500)
    assert said == []


def assert_all_is_there(store):
    """Every entry can be handed out, and the most advanced one continued."""
    problems: list[str] = []
    found = verify(store, problems)
    assert (problems, found.damaged, found.missing) == ([], 0, 0)
    by_run: dict[str, list] = {}
    for manifest in store.all_manifests():
        by_run.setdefault(manifest.fingerprint, []).append(manifest)
    for fingerprint in by_run:
        newest = Trajectory.of(next(store.manifests(fingerprint)))
        load_state(store, Trained(0), len(newest.epochs), newest.state)
    return by_run


def test_two_nodes_that_make_the_same_run_lose_nothing(tmp_path):
    store = open_folder(tmp_path)
    context = multiprocessing.get_context("fork")
    recorder_of(store, small_settings())  # the source is read once, not by each process
    for seed in range(ROUNDS):
        nodes = [
            context.Process(target=record, args=(tmp_path,), kwargs={"seed": seed})
            for _ in range(3)
        ]
        for node in nodes:
            node.start()
        while any(node.is_alive() for node in nodes):
            problems: list[str] = []
            assert verify(store, problems).missing == 0, problems
            clear(store, [], grace=3600)
        for node in nodes:
            node.join()
            assert node.exitcode == 0
        assert_all_is_there(store)
    assert {max(m.epochs for m in each) for each in assert_all_is_there(store).values()} == {EPOCHS}


def test_a_slow_node_can_go_on_after_a_fast_one_dropped_its_states(tmp_path):
    slow = recorder_of(open_folder(tmp_path), small_settings())
    fast = recorder_of(open_folder(tmp_path), small_settings())
    for _ in range(4):
        add_epoch(fast)
    add_epoch(slow)
    add_epoch(slow)
    add_epoch(fast)
    by_run = assert_all_is_there(open_folder(tmp_path))
    assert sorted(m.epochs for (each,) in [by_run.values()] for m in each) == [1, 2, 4, 5]


def test_a_run_with_the_same_weights_keeps_its_own_states(tmp_path):
    """A probed run makes the states of the plain one, and is slower; each can be continued."""
    plain = recorder_of(open_folder(tmp_path), small_settings())
    probed = recorder_of(open_folder(tmp_path), small_settings(learning_rate=2e-3))
    add_epoch(plain)
    add_epoch(probed)
    for _ in range(3):
        add_epoch(plain)
    assert len(assert_all_is_there(open_folder(tmp_path))) == 2


def test_what_two_nodes_took_over_from_a_third_is_dropped_once(tmp_path):
    add_epoch(recorder_of(open_folder(tmp_path), small_settings()))
    one, two = (recorder_of(open_folder(tmp_path), small_settings()) for _ in range(2))
    for _ in range(3):
        add_epoch(one)
    add_epoch(two)
    add_epoch(two)
    assert_all_is_there(open_folder(tmp_path))


@pytest.mark.parametrize("empty_first", [True, False])
def test_an_empty_record_that_other_runs_have_too_stays(tmp_path, empty_first):
    """Probed runs that measured nothing in an epoch share its record."""
    store = open_folder(tmp_path)
    interrupted = recorder_of(store, small_settings())
    other = recorder_of(open_folder(tmp_path), small_settings(seed=1))

    def interrupt():
        random_state = {"cpu": torch.get_rng_state()}
        partial = PartialEpoch(torch.ones(2), torch.ones(2), 1, random_state)
        interrupted.save_partial(partial, 1.0, Trained(0), ProbeRecords())

    first, second = interrupt, lambda: add_epoch(other, ProbeRecords())
    for action in (first, second) if empty_first else (second, first):
        action()
    for _ in range(3):
        add_epoch(interrupted)
    assert_all_is_there(store)


def test_nothing_is_left_of_states_that_were_replaced(tmp_path):
    recorder = recorder_of(open_folder(tmp_path), small_settings())
    for _ in range(4):
        add_epoch(recorder)
    again = recorder_of(open_folder(tmp_path), small_settings())
    add_epoch(again)
    add_epoch(again)
    problems: list[str] = []
    found = verify(open_folder(tmp_path), problems)
    assert (found.manifests, found.unreferenced, problems) == (2, 0, [])


def test_the_last_weights_of_a_slow_node_stay_when_a_fast_one_drops_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr("pj2.store.store.IN_USE_SECONDS", 0.0)
    slow = recorder_of(open_folder(tmp_path), small_settings())
    fast = recorder_of(open_folder(tmp_path), small_settings())
    for _ in range(3):
        add_epoch(fast)
        add_epoch(slow)
    for _ in range(6):
        add_epoch(fast)
    assert_all_is_there(open_folder(tmp_path))
