"""What is done about a run, given what a store has and what the machine is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pj2.data.layout import DataIdentity
from pj2.fingerprint.run import run_fingerprint
from pj2.runs.interrupt import Interrupted
from pj2.runs.plan import Continue, Machine, Restore, Start, actions, expected
from pj2.runs.trajectory import Trajectory
from pj2.store.contents import held_blobs
from pj2.store.maintain import clear, verify
from pj2.store.store import RunStore
from pj2.store.tiers import Folder
from pj2.training import device
from tests.helpers.small_run import SignalAt, open_folder, small_data, small_settings, train

DATA = DataIdentity(small_data().hash, small_data().classes)
AUTO = small_settings(precision="auto")
WITH_AMX, WITHOUT = (
    Machine({"device": "cpu", "name": name, "capability": capability, "threads": 1}, "2.9.0")
    for name, capability in (("new", "AVX512 AMX"), ("old", "AVX512"))
)


@pytest.fixture(scope="module")
def epochs(tmp_path_factory):
    """A store with the epochs of a run, made here in fp32, and their trajectory."""
    folder = tmp_path_factory.mktemp("epochs")
    train(folder / "run", folder / "store")
    fingerprint = run_fingerprint(small_settings(), DATA.hash)
    manifest = next(open_folder(folder / "store").manifests(fingerprint.digest))
    return folder / "store", Trajectory.of(manifest)


class Stores:
    """Manifests over the blobs of one run, as if machines had made it."""

    def __init__(self, epochs, tmp_path) -> None:
        blobs, self._trajectory = epochs
        (tmp_path / "store").mkdir()
        (tmp_path / "store" / "blobs").symlink_to(blobs / "blobs")
        self.store = RunStore(Folder(tmp_path / "store"))

    def add(self, machine: Machine, precision: str, epochs: int = 3, store=None) -> None:
        used = {"asked": precision, "used": precision}
        facts = replace(self._trajectory.facts, precision=used)
        made = replace(
            self._trajectory,
            facts=facts,
            hardware=machine.hardware,
            versions={"torch": machine.torch},
            epochs=self._trajectory.epochs[:epochs],
        )
        fingerprint = run_fingerprint(small_settings(precision=precision), DATA.hash)
        (store or self.store).publish(made.manifest(fingerprint))

    def first(self, here: Machine | None, settings=AUTO):
        def machine() -> Machine:
            assert here is not None, "the machine decides nothing here"
            return here

        return expected(actions(settings, DATA, self.store, machine), self.store)

    def restored(self, here: Machine | None) -> str:
        action = self.first(here)
        assert isinstance(action, Restore)
        return str(action.result.fingerprint.settings["precision"])


@pytest.fixture
def stores(epochs, tmp_path):
    return Stores(epochs, tmp_path)


@pytest.mark.parametrize(("machine", "precision"), [(WITH_AMX, "bf16"), (WITHOUT, "fp32")])
def test_what_auto_made_on_another_machine_is_not_trained_again(stores, machine, precision):
    stores.add(machine, precision)
    assert stores.restored(None) == precision  # without a look at the machine, nor torch


def test_what_a_machine_computes_itself_comes_first(stores):
    stores.add(WITH_AMX, "bf16")
    stores.add(WITHOUT, "fp32")
    assert stores.restored(WITH_AMX) == "bf16"
    assert stores.restored(WITHOUT) == "fp32"


def test_what_was_asked_for_and_no_auto_would_take_does_not_stand_for_auto(stores):
    stores.add(WITHOUT, "bf16")
    action = stores.first(WITHOUT)
    assert isinstance(action, Start)
    assert action.precision == "fp32"
    assert stores.restored(WITH_AMX) == "bf16"  # there it is what auto comes to


def test_a_precision_that_is_asked_for_is_the_only_one(stores):
    stores.add(WITH_AMX, "bf16")
    action = stores.first(WITHOUT, small_settings(precision="fp32"))
    assert isinstance(action, Start)
    assert action.precision == "fp32"


def test_only_the_machine_that_began_goes_on(stores):
    stores.add(WITH_AMX, "bf16", epochs=2)
    action = stores.first(WITH_AMX)
    assert isinstance(action, Continue)
    assert (action.precision, action.trajectory.length) == ("bf16", "2 epochs")
    action = stores.first(WITHOUT)
    assert isinstance(action, Start)
    assert action.precision == "fp32"
    assert "2 epochs were made on new in bf16 with torch 2.9.0" in action.reason


def test_the_remote_tier_is_asked_only_if_nothing_here_will_do(stores, tmp_path):
    remote = RunStore(Folder(tmp_path / "remote"))
    stores.store.remote = remote.local
    stores.add(WITH_AMX, "bf16", store=remote)
    assert stores.restored(None) == "bf16"
    stores.add(WITHOUT, "fp32")
    assert stores.restored(None) == "fp32"


def test_the_job_does_what_is_said_of_another_machines_checkpoint(tmp_path, capsys, monkeypatch):
    """Both stand on `actions`: `pj2 why` prints what this returns, the job carries it out."""
    with pytest.raises(Interrupted):
        train(tmp_path / "run", tmp_path / "store", [SignalAt(12)])
    capsys.readouterr()
    here = device.describe_machine(device.choose_device("cpu"))
    for name, word in ((here.hardware["name"], "continues after"), ("another", "starts over")):
        there = Machine({**here.hardware, "name": name}, here.torch)
        store, settings = open_folder(tmp_path / "store"), small_settings()
        said = str(expected(actions(settings, DATA, store, lambda there=there: there), store))
        assert said.startswith(word)
    monkeypatch.setattr(device, "_processor_name", lambda: "another")
    train(tmp_path / "run", tmp_path / "store")
    assert said in capsys.readouterr().out


def test_a_thinned_run_is_restored_and_a_longer_one_starts_over(tmp_path, capsys):
    train(tmp_path / "run", tmp_path / "store")
    store, longer = open_folder(tmp_path / "store"), small_settings(epochs=4)
    here = device.describe_machine(device.choose_device("cpu"))
    assert "continues after 3 epochs" in str(
        expected(actions(longer, DATA, store, lambda: here), store)
    )
    held = sum(blob.size for blob in held_blobs(store))
    cleared = clear(store, [], thin=True, grace=0)
    assert cleared.thinned
    assert cleared.bytes < held
    assert verify(store, []).missing == 0
    first = (tmp_path / "run" / "run.json").read_bytes()

    capsys.readouterr()
    train(tmp_path / "again", tmp_path / "store")
    assert "epoch 1/3" not in capsys.readouterr().out
    assert (tmp_path / "again" / "run.json").read_bytes() == first
    said = str(expected(actions(longer, DATA, store, lambda: here), store))
    assert said.startswith("starts over: ")
    train(tmp_path / "longer", tmp_path / "store", epochs=4)
    assert said in capsys.readouterr().out
