"""Trajectories come out of manifests as they went in, and out of anything else not at all."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from pj2.config.study import RunSettings
from pj2.data.layout import DataIdentity
from pj2.fingerprint.run import run_fingerprint
from pj2.runs.files import EpochRecord, ProbeRecords, StepRecords
from pj2.runs.plan import Machine, Start, actions
from pj2.runs.trajectory import (
    Divergence,
    Epoch,
    State,
    Trajectory,
    pack_probes,
    pack_steps,
    stored_trajectories,
    unpack_probes,
    unpack_steps,
)
from pj2.store.manifest import Blob
from pj2.store.store import BlobUnavailable, RunStore
from pj2.store.tiers import Folder
from tests.helpers.made_up import FACTS

SETTINGS = RunSettings(model="BasicCNN", learning_rate=0.001, seed=0)
DATA = DataIdentity("d" * 64, ("cat", "dog"))
HARDWARE = {"device": "cpu", "name": "a processor", "capability": "AVX2", "threads": 1}


def blob(text):
    return Blob.of(text.encode())


def row(epoch):
    return EpochRecord(epoch, 1.0, 0.5, 1.0, 0.5, None, 0.25, 1.0, 9.0)


@pytest.fixture
def trajectory():
    epochs = (
        Epoch(row(0), blob("steps 0"), blob("weights 0"), blob("probes 0")),
        Epoch(row(1), blob("steps 1"), None),
    )
    state = State(blob("weights"), blob("optimizer"), blob("partial"), 3, 0.5, blob("probes"))
    return Trajectory(FACTS, HARDWARE, {"torch": "2.9"}, epochs, None, state)


@pytest.fixture
def fingerprint():
    return run_fingerprint(SETTINGS.computed_in("fp32"), DATA.hash)


def test_a_trajectory_is_read_as_it_was_written(trajectory, fingerprint):
    end = Divergence(3, blob("last steps"), blob("last weights"), None)
    for each in (trajectory, replace(trajectory, divergence=end, state=None)):
        read = Trajectory.of(each.manifest(fingerprint))
        assert read == each
        assert read.state == each.state
        assert read.manifest(fingerprint) == each.manifest(fingerprint)


def changed(body, path, value):
    """Return a copy of nested dicts and lists in which one value is another, or lacks."""
    key, *rest = path
    copy = dict(body) if isinstance(body, dict) else list(body)
    if rest:
        copy[key] = changed(copy[key], rest, value)
    elif value is None:
        del copy[key]
    else:
        copy[key] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["facts"], None),
        (["facts", "macs"], "many"),
        (["facts", "precision", "used"], None),
        (["hardware"], None),
        (["hardware", "name"], None),
        (["versions", "torch"], None),
        (["epochs", 1], None),
        (["epochs", 1, "row", "epoch"], 7),
        (["epochs", 1, "row", "val_loss"], "low"),
        (["epochs", 0, "steps"], "none"),
        (["epochs", 0, "steps"], {"sha256": "../../elsewhere", "size": 1, "more": 1}),
        (["state", "weights"], None),
        (["divergence"], []),
    ],
)
def test_a_manifest_that_holds_no_trajectory_is_said_and_not_used(
    tmp_path, trajectory, fingerprint, path, value
):
    made = trajectory.manifest(fingerprint)
    forged = replace(made, body=changed(made.body, path, value))
    with pytest.raises(ValueError, match=r"validation error|are stated|no \w+"):
        Trajectory.of(forged)
    said = []
    store = RunStore(Folder(tmp_path), None, said.append)
    assert store.publish(forged)
    assert list(stored_trajectories(store, fingerprint.digest)) == []
    machine = Machine(HARDWARE, "2.9")
    (action,) = actions(SETTINGS, DATA, store, lambda: machine)
    assert isinstance(action, Start)
    assert [line.partition(" is not used")[0] for line in said] == [
        f"store {tmp_path}: {forged.name}"
    ]


def header_of_many():
    """An array of 10^14 numbers, of which there are none."""
    file = io.BytesIO()
    kind = np.lib.format.dtype_to_descr(np.dtype([("loss", "<f4"), ("grad_norm", "<f4")]))
    np.lib.format.write_array_header_1_0(
        file, {"descr": kind, "fortran_order": False, "shape": (10**14,)}
    )
    return file.getvalue()


def archive():
    file = io.BytesIO()
    np.savez_compressed(file, loss=np.zeros(10))
    return file.getvalue()


def array(values):
    file = io.BytesIO()
    np.save(file, values, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        header_of_many(),
        archive(),
        array(np.zeros(3)),
        array(np.array([{}, {}])),
        array(np.zeros(3, [("loss", "<f4"), ("grad_norm", "<i8")])),
        array(np.zeros((3, 3), [("loss", "<f4"), ("grad_norm", "<f4")])),
        array(np.zeros(3, [("loss", "<f4")])),
    ],
)
def test_what_is_no_record_of_steps_is_as_good_as_gone(data):
    with pytest.raises(BlobUnavailable):
        unpack_steps(data)


@pytest.mark.parametrize("data", [b"", b"[]", b'{"probes": 3}', b'{"probes": [1]}', b"\xff"])
def test_what_is_no_record_of_probes_is_as_good_as_gone(data):
    with pytest.raises(BlobUnavailable):
        unpack_probes(data)


def test_records_are_read_as_they_were_written():
    ones = np.ones(3, np.float32)
    steps = unpack_steps(pack_steps(StepRecords(ones, ones * 2, {"loss_scale": ones * 3})))
    for name, value in (("loss", 1), ("grad_norm", 2), ("loss_scale", 3)):
        np.testing.assert_array_equal(steps.columns[name], ones * value)
    probes = ProbeRecords([{"step": 1, "loss": 0.5}], [{"layer": "a"}], [{"channel": 0}])
    assert unpack_probes(pack_probes(probes)) == probes
