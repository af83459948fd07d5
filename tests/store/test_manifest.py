"""Manifests verify themselves, and lead to nothing outside a store."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace

import pytest

from pj2.config.names import canonical_json
from pj2.store.files import Damaged, read_stated
from pj2.store.manifest import (
    Blob,
    Manifest,
    blob_in,
    entry_folder,
    fingerprint_in,
    places,
    progress_of,
    read_manifest,
    spaced_epochs,
    thinnable,
)
from tests.store.made_entries import predictions_entry, run_entry, weights

FINGERPRINT = "ab" + "0" * 62


def manifest(body, epochs=3, steps=17):
    return Manifest("run", FINGERPRINT, {"settings": {}}, body, epochs, steps)


def parsed(name, content):
    """Return the manifest that a file of this name and content is, None if it is none."""

    class Source:
        def read(self, _, stated):
            return read_stated(io.BytesIO(content), len(content), stated)

    try:
        return read_manifest(Source(), name)
    except Damaged:
        return None


def forged(value):
    """Return a name that fits any content, and the content."""
    content = canonical_json(value).encode()
    digest = hashlib.sha256(content).hexdigest()[:16]
    return f"{entry_folder(FINGERPRINT)}/run.000003.000017.{digest}.json", content


def test_a_manifest_is_read_as_it_was_written(store):
    written = run_entry(store)
    assert parsed(written.name, written.content) == written


def test_names_tell_fingerprint_and_progress():
    name = manifest({}).name
    assert name.startswith(f"entries/ab/{FINGERPRINT}/run.000003.000017.")
    assert fingerprint_in(name) == FINGERPRINT
    assert progress_of(name) == (3, 17)


def test_blobs_are_found_wherever_they_are_and_counted_once():
    first, second = Blob.of(b"1"), Blob.of(b"2")
    body = {"list": [{"deep": first.as_json()}, second.as_json()], "again": first.as_json()}
    assert manifest(body).blobs == [first, second]


@pytest.mark.parametrize("position", [0, 40, -1])
def test_any_changed_byte_is_noticed(position):
    whole = manifest({"text": "x" * 100})
    changed = bytearray(whole.content)
    changed[position] ^= 1
    assert parsed(whole.name, bytes(changed)) is None
    assert parsed(whole.name, whole.content[:-1]) is None
    assert parsed(whole.name, b"") is None


def test_a_name_that_says_something_else_is_noticed():
    whole = manifest({})
    assert parsed(whole.name.replace("000003", "000004"), whole.content) is None
    other = whole.name.replace(FINGERPRINT, "ab" + "1" * 62)
    assert parsed(other, whole.content) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"body": {"x": {"sha256": "/../../../etc/passwd", "size": 1}}},
        {"body": {"x": {"sha256": "A" * 64, "size": 1}}},
        {"body": {"x": {"sha256": "a" * 64, "size": -1}}},
        {"body": {"x": {"sha256": "a" * 64, "size": None}}},
        {"body": {"x": {"sha256": "a" * 64, "size": 1.0}}},
        {"body": {"epochs": [{"row": {"val_accuracy": "high"}}]}},
        {"body": {"epochs": [1]}},
        {"body": {"hardware": "cpu"}},
        {"body": []},
        {"epochs": "three"},
        {"inputs": {"settings": []}},
        {"inputs": None, "kind": None},
    ],
)
def test_a_forged_manifest_is_refused(changes):
    value = json.loads(manifest({}).content)
    name, content = forged(value)
    assert parsed(name, content) is not None
    assert parsed(*forged({**value, **changes})) is None


@pytest.mark.parametrize("content", [[], {}, "text", {"format": 1}])
def test_other_json_is_refused(content):
    assert parsed(*forged(content)) is None


def test_names_of_blobs():
    blob = Blob.of(b"content")
    assert blob_in(blob.name) == blob.sha256 == hashlib.sha256(b"content").hexdigest()
    for wrong in (
        f"blobs/00/{blob.sha256}",
        f"blobs/{blob.sha256}",
        f"{blob.name}/..",
        f"../{blob.name}",
        f"blobs/{blob.sha256[:2]}/{blob.sha256.upper()}",
        f"{blob.name}\n",
    ):
        assert blob_in(wrong) is None
        assert fingerprint_in(wrong) is None


def optimizer(manifest):
    return dict(places(manifest))["state.optimizer"]


def test_what_only_another_budget_needs_is_thinnable(store):
    manifest = run_entry(
        store,
        accuracies=[0.1, 0.3, 0.2, 0.3, 0.25, 0.2],
        test_accuracies=[0.5, 0.4, 0.6, 0.1, None, 0.2],
    )
    spare = {weights(manifest, place) for place in (0, 3, 4)} | {optimizer(manifest)}
    assert thinnable(manifest) == spare
    assert thinnable(replace(manifest, steps=7)) == spare - {optimizer(manifest)}
    assert thinnable(predictions_entry(store, "a" * 64)) == set()
    single = run_entry(store, accuracies=[0.5])
    assert thinnable(single) == {optimizer(single)}


@pytest.mark.parametrize(
    ("epochs", "spaced"),
    [(0, []), (1, [1]), (3, [1, 2, 3]), (4, [2, 4]), (8, [4, 8]), (50, [16, 32, 48])],
)
def test_spaced_epochs_are_at_most_three_and_stay_while_a_run_goes_on(epochs, spaced):
    assert sorted(place + 1 for place in spaced_epochs(epochs)) == spaced
    assert spaced_epochs(epochs + 1) <= spaced_epochs(epochs) | {epochs}


def test_places_of_blobs_are_named(store):
    found = dict(places(run_entry(store, accuracies=[0.5])))
    assert list(found) == ["epochs.0.steps", "epochs.0.weights", "state.weights", "state.optimizer"]
    assert found["epochs.0.weights"] == found["state.weights"]


def test_weights_that_two_epochs_share_are_not_thinnable_if_one_needs_them():
    same, last = Blob.of(b"same").as_json(), Blob.of(b"last").as_json()
    epochs = [
        {"row": {"val_accuracy": accuracy}, "weights": weights}
        for accuracy, weights in [(0.5, same), (0.4, same), (0.3, None), (0.1, last)]
    ]
    assert thinnable(manifest({"epochs": epochs})) == set()
