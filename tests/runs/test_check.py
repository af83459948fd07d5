"""Why a run is stale, in words; the runs here were never trained."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from pyarrow.parquet import read_table

from pj2.config.study import Run, RunSettings
from pj2.data.layout import DataIdentity
from pj2.evaluation.predict import predictions_table
from pj2.fingerprint.run import run_fingerprint
from pj2.runs.check import nearest_run, stale_reasons, why_stale
from pj2.runs.files import (
    BEST,
    EPOCHS,
    LAST,
    PREDICTIONS,
    RUN,
    EpochRecord,
    StepRecords,
)
from pj2.runs.plan import Machine, actions, restore_run
from pj2.runs.trajectory import Epoch, State, Trajectory, pack_steps
from pj2.store.files import write_table
from pj2.store.records import write_record
from pj2.store.store import RunStore
from pj2.store.tiers import Folder
from pj2.store.verified import VerifiedFiles
from tests.helpers.made_up import FACTS

DATA = "ab" * 32
CLASSES = ("cat", "dog")
IDENTITY = DataIdentity(DATA, CLASSES)
TORCH = str(torch.__version__)
HARDWARE = {"device": "cpu", "name": "some CPU", "capability": "AVX2", "threads": 1}
CURRENT = "current: made with these settings, data and code, and its files are intact"
CONTINUED = "continues after 3 epochs, nothing is trained again"
FROM_START = "trained from the start, the store has nothing to continue"
LACKING = "starts over: the stored run is damaged, incomplete or thinned"
RESTORED = "restored from the store, no training"


def settings(**changes) -> RunSettings:
    base = {"model": "BasicCNN", "learning_rate": 1e-3, "seed": 0, "epochs": 3, "precision": "fp32"}
    return RunSettings(**{**base, **changes})


def trajectory(store: RunStore, version: str, epochs: int = 3, steps: int = 0) -> Trajectory:
    """Epochs whose validation accuracy falls: the first is the best."""
    records = StepRecords(np.ones(2, np.float32), np.ones(2, np.float32))
    made = tuple(
        Epoch(
            EpochRecord(n, 1.0, 0.5, 1.0, 0.9 - n / 10, None, None, 1.0, 9.0),
            store.put(pack_steps(records)),
            store.put(f"weights {n}".encode()),
        )
        for n in range(epochs)
    )
    partial = store.put(b"partial") if steps else None
    state = State(store.put(b"weights"), store.put(b"moments"), partial, steps)
    facts = replace(FACTS, data={**FACTS.data, "hash": DATA})
    return Trajectory(facts, HARDWARE, {"torch": version}, made, None, state)


def predict(weights, path) -> None:
    epoch = int(weights.read_bytes()[-1:])
    sure = 0.9 - epoch / 10
    write_table(path, predictions_table(np.zeros(1), np.array([[sure, 1 - sure]]), CLASSES))


def here() -> Machine:
    return Machine(HARDWARE, TORCH)


class Made:
    """A run and its predictions on disk, and a store that has them."""

    def __init__(self, root, version: str = TORCH, steps: int = 0) -> None:
        self.folder = root / "run"
        self.store = RunStore(Folder(root / "store"))
        fingerprint = run_fingerprint(settings(), DATA)
        made = trajectory(self.store, version, steps=steps)
        self.store.publish(made.manifest(fingerprint))
        self.restore()

    def restore(self, data=IDENTITY, predict=predict) -> None:
        action = next(actions(settings(), data, self.store, here))
        restore_run(action, self.store, self.folder, predict)

    def lose_predictions(self) -> None:
        for entry in (self.store.local.root / "entries").rglob("predictions.*"):
            entry.unlink()

    @property
    def run(self):
        return json.loads((self.folder / RUN).read_text())

    def edit(self, change) -> None:
        record = self.run
        change(record)
        write_record(self.folder / RUN, record)

    def reasons(self, data=IDENTITY, verify=True, **changes):
        return stale_reasons(self.folder, settings(**changes), data, verify)

    def why(self, data=IDENTITY, **changes):
        return why_stale(self.folder, settings(**changes), data, self.store, here)


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path)


def damage(path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_current_run(made):
    assert made.reasons() == made.reasons(verify=False) == made.reasons(data=None) == []
    assert made.why() == [CURRENT]


def test_settings(made):
    changes = {"learning_rate": 2e-3, "optimizer": {"weight_decay": 5e-4}}
    expected = ["learning_rate 0.001 → 0.002", "optimizer.weight_decay 0.0 → 0.0005"]
    assert made.reasons(**changes) == expected
    assert made.why(**changes) == [*expected, f"next: {FROM_START}"]


def test_settings_that_the_store_has(made):
    # The config was changed, run and changed back.
    made.edit(lambda run: run["settings"].update(seed=1))
    assert made.why() == ["seed 1 → 0", f"next: {RESTORED}"]


def test_code(made):
    def older(run):
        run["code"]["modules"]["pj2.training.loop"]["function train_epoch"] = "0"

    made.edit(older)
    assert made.reasons() == ["training/loop.py changed: function train_epoch"]


def test_data_and_packages(made):
    made.edit(lambda run: run["code"]["packages"].update(torch="1.0"))
    short = ".".join(TORCH.split(".")[:2])
    expected = ["data: content hash abababababab → cdcdcdcdcdcd", f"torch 1.0 → {short}"]
    assert made.reasons(data=DataIdentity("cd" * 32, CLASSES)) == expected
    assert made.reasons(data=None) == expected[1:]


def test_data_that_are_not_prepared(made):
    unknown = "data: not prepared as they are now, so not compared; first: snakemake prepare_data"
    assert made.why(data=None) == [CURRENT, unknown]


def test_more_epochs_continue(made):
    assert made.reasons(epochs=5) == ["epochs 3 → 5"]
    assert made.why(epochs=5) == [f"epochs 3 → 5: {CONTINUED}"]


def test_more_epochs_continue_within_one(tmp_path):
    made = Made(tmp_path, steps=7)
    assert "continues after 3 epochs and 7 steps, nothing" in made.why(epochs=5)[0]


def test_more_epochs_with_another_torch(tmp_path):
    made = Made(tmp_path, version="1.0.0")
    assert made.why() == [CURRENT]
    assert made.why(epochs=5)[0] == (
        "epochs 3 → 5: starts over: 3 epochs were made on some CPU in fp32 with torch 1.0.0, "
        "and this machine would compute other last digits"
    )


def test_more_epochs_without_the_state(made):
    for blob in trajectory(made.store, TORCH).state.__dict__.values():
        if blob and not isinstance(blob, float):
            made.store.local.remove(blob.name)
    assert made.why(epochs=5) == [f"epochs 3 → 5: {LACKING}"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 2}, "epochs 3 → 2"),
        ({"patience": 1}, "patience None → 1"),
        ({"patience": 1, "epochs": 9}, "epochs 3 → 9, patience None → 1"),
    ],
)
def test_another_budget_is_cut_from_what_is_there(made, changes, words):
    assert made.why(**changes) == [f"{words}: {RESTORED}"]


def test_a_run_that_is_not_there(made):
    (made.folder / RUN).unlink()
    assert made.reasons() == ["run.json is missing"]
    assert made.why() == [f"run.json is missing: {RESTORED}"]
    assert made.why(seed=1) == [f"run.json is missing: {FROM_START}"]
    assert made.why(epochs=4) == [f"run.json is missing: {CONTINUED}"]
    assert "unknown until snakemake prepare_data" in made.why(data=None)[0]


def test_a_store_that_lost_its_weights_restores_nothing(made):
    (made.folder / RUN).unlink()
    for path in (made.store.local.root / "blobs").rglob("*"):
        if path.is_file():
            path.unlink()
    assert made.why() == [f"run.json is missing: {LACKING}"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "run.json is damaged: not valid JSON"),
        ("[]", "run.json is damaged, or another version wrote it: Input should be a valid dict"),
        ('{"fingerprint": "0"}', "run.json has no digest: another version wrote it"),
        ('{"digest": 3}', "run.json was edited or damaged: its digest does not"),
    ],
)
def test_a_damaged_run_json(made, content, words):
    (made.folder / RUN).write_text(content)
    (line,) = made.reasons()
    assert line.startswith(words)
    assert made.why() == [f"{line}: {RESTORED}"]


@pytest.mark.parametrize(
    ("key", "value"), [("parameters", 12), ("seconds", 0.001), ("hardware", {"name": "H200"})]
)
def test_what_neither_settings_nor_files_cover_is_covered_by_the_record_s_digest(made, key, value):
    text = made.run
    text[key] = value
    (made.folder / RUN).write_text(json.dumps(text))
    edited = "run.json was edited or damaged: its digest does not match its content"
    assert made.reasons() == [edited]
    made.restore()
    assert made.why() == [CURRENT]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda run: run["code"]["modules"].update({"pj2.training.loop": 3}), "is damaged"),
        (lambda run: run["artifacts"].pop(BEST), f"artifacts: does not name {BEST}"),
        (
            lambda run: run["artifacts"].update({"../x": "0" * 64}),
            "artifacts.../x.[key]: '../x' is not",
        ),
        (lambda run: run["artifacts"].update({"x": "0" * 64}), "names 'x', no file of a run"),
        (lambda run: run.update(fingerprint="0" * 64), "run.json was edited"),
    ],
)
def test_a_run_json_that_was_edited(made, change, words):
    made.edit(change)
    assert words in made.reasons()[0]


def test_artifacts(made):
    damage(made.folder / BEST)
    (made.folder / LAST).unlink()
    (made.folder / EPOCHS).unlink()
    (made.folder / EPOCHS).mkdir()
    damaged = "best.safetensors is damaged: its bytes are not those that run.json names"
    unreadable = "epochs.parquet cannot be read (not a regular file)"
    expected = [damaged, "last.safetensors is missing", unreadable]
    assert made.reasons() == expected
    assert made.reasons(verify=False) == expected[1:2]
    assert made.why() == [*expected, f"next: {RESTORED}"]


def test_predictions(made):
    damage(made.folder / PREDICTIONS)
    damaged = "predictions.parquet is damaged: its bytes are not those that run.json names"
    assert made.reasons() == [damaged]
    assert made.reasons(verify=False) == []
    assert made.why() == [damaged, f"next: {RESTORED}"]
    made.lose_predictions()
    assert made.why() == [damaged, f"next: {RESTORED}; its test images are predicted again"]


def test_predictions_of_other_code_and_weights(made):
    def older(run):
        inputs = run["predictions"]["inputs"]
        inputs["modules"]["pj2.evaluation.predict"]["function predict"] = "0"
        inputs["settings"]["weights"] = "0" * 64

    made.edit(older)
    weights = made.run["artifacts"][BEST]
    assert made.reasons() == [
        f"predictions: weights {'0' * 64!r} → {weights!r}",
        "predictions: evaluation/predict.py changed: function predict",
    ]


def test_code_that_trains_and_predicts_is_named_once(made):
    def older(run):
        for code in (run["code"], run["predictions"]["inputs"]):
            code["modules"]["pj2.evaluation.evaluate"]["function compute_logits"] = "0"

    made.edit(older)
    assert made.reasons() == ["evaluation/evaluate.py changed: function compute_logits"]


def test_a_record_of_an_older_version_is_written_again(made):
    """As the versions left it that wrote no digest."""
    older = {key: value for key, value in made.run.items() if key != "digest"}
    (made.folder / RUN).write_text(json.dumps(older))
    said = "run.json has no digest: another version wrote it, or it is damaged"
    assert made.why() == [f"{said}: {RESTORED}"]


def test_what_is_restored_is_predicted_once(made):
    def not_again(weights, path):
        raise AssertionError("the store has them")

    made.restore(predict=not_again)
    (best,) = made.store.manifests(made.run["predictions"]["fingerprint"], "predictions")
    made.store.local.remove(best.blobs[0].name)
    (made.folder / PREDICTIONS).unlink()
    made.restore()
    (said,) = read_table(made.folder / PREDICTIONS)["probabilities"].to_pylist()
    assert said == pytest.approx([0.9, 0.1])
    assert made.why() == [CURRENT]


def test_known_hashes_are_used(made, tmp_path):
    class Files(VerifiedFiles):
        def sha256(self, path):
            return "0" * 64

    found = stale_reasons(
        made.folder, settings(), IDENTITY, True, Files(tmp_path / "verified.json")
    )
    assert len(found) == 5


def test_the_nearest_run(made):
    runs = [
        Run("one", settings(learning_rate=5e-3)),
        Run("one", settings(learning_rate=2e-3)),
        Run("two", settings(learning_rate=2e-3, batch_size=64)),
        Run("two", settings(learning_rate=1e-4)),
    ]
    nearest, changes = nearest_run(made.run, runs)
    assert nearest is runs[1]
    assert changes == ["learning_rate 0.001 → 0.002"]


def test_class_names_are_in_the_predictions_and_in_no_hash(made):
    renamed = DataIdentity(DATA, ("cat", "hound"))
    assert made.why(data=renamed) == [
        "predictions: classes ['cat', 'dog'] → ['cat', 'hound']",
        f"next: {RESTORED}; its test images are predicted again",
    ]
    made.restore(renamed)
    assert made.why(data=renamed) == [CURRENT]


def test_a_run_cut_by_other_code_is_written_again(made):
    made.edit(lambda run: run.update(written_by="0" * 64))
    changed = "the code that writes a run's files changed"
    assert made.reasons() == [changed]
    assert made.why() == [f"{changed}: {RESTORED}"]
