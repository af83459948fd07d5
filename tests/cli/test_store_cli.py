"""``pj2 store``, as a user calls it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest

from pj2.config.names import canonical_json
from pj2.config.study import RunSettings
from pj2.store.manifest import Manifest
from pj2.store.open import open_store

DIGITS = "1234567890123e56"  # a fingerprint's start that must not be read as a number


def pj2(*arguments, cwd, **environment):
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PJ2_")}
    return subprocess.run(
        [sys.executable, "-m", "pj2", "store", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**inherited, **environment},
    )


@pytest.fixture
def manifests(tmp_path):
    """A run that diverged after one epoch and its predictions, in the default store."""
    store = open_store(str(tmp_path / ".pj2/store"))
    run = RunSettings(model="VGG_A_BatchNorm", learning_rate=0.001, seed=3)
    settings = run.computed_in("fp32").identity()
    weights = store.put(b"w" * 1500)
    row = {"epoch": 0, "val_accuracy": 0.25, "test_accuracy": None}
    body = {
        "hardware": {"name": "a processor"},
        "versions": {"torch": "2.9"},
        "epochs": [{"row": row, "weights": weights.as_json(), "steps": weights.as_json()}],
        "divergence": {"count": 17, "steps": store.put(b"s" * 500).as_json()},
        "state": None,
    }
    fingerprint = DIGITS + "0" * 48
    inputs = {"settings": settings, "data": "d" * 64, "packages": {"numpy": "2"}, "modules": {}}
    run = Manifest("run", fingerprint, inputs, body, 1, 17)
    inputs = {"settings": {"model": "VGG_A_BatchNorm", "weights": weights.sha256}}
    fingerprint = hashlib.sha256(canonical_json(inputs).encode()).hexdigest()
    body = {"predictions": weights.as_json()}
    predictions = Manifest("predictions", fingerprint, inputs, body)
    for manifest in (run, predictions):
        store.publish(manifest)
    return run, predictions


def test_ls(tmp_path, manifests):
    result = pj2("ls", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    header, *rows, total = result.stdout.splitlines()
    assert header.split() == [
        "fingerprint",
        "kind",
        "experiment",
        "model",
        "lr",
        "seed",
        "epochs",
        "state",
        "size",
        "used",
    ]
    (row,) = [row for row in rows if row.startswith(DIGITS[:12])]
    for part in ("run", "VGG_A_BatchNorm", "0.001", "1 +17 steps", "diverged", "2.0 kB"):
        assert f" {part} " in row
    assert total == "2 entries, 2.0 kB"

    listed = json.loads(pj2("ls", "--json", cwd=tmp_path).stdout)
    assert listed["bytes"] == 2000
    by_kind = {entry["kind"]: entry for entry in listed["entries"]}
    assert by_kind["run"]["fingerprint"] == manifests[0].fingerprint
    assert by_kind["run"]["bytes"] == 2000
    assert by_kind["predictions"]["bytes"] == 1500
    assert (by_kind["run"]["epochs"], by_kind["run"]["steps"]) == (1, 17)


def test_ls_names_the_experiments_of_the_config_beside_it(tmp_path, manifests):
    (tmp_path / "config.yaml").write_text(
        "study: s\ndataset: {source: sample}\nexperiments:\n"
        "  one: &same {models: [VGG_A_BatchNorm], learning_rates: [0.001], seeds: [3, 4]}\n"
        "  two: {models: [BasicCNN], learning_rates: [0.001], seeds: [3]}\n"
        "  three: *same\n"
    )
    listed = json.loads(pj2("ls", "--json", cwd=tmp_path).stdout)
    assert [entry["experiments"] for entry in listed["entries"]] == [["one", "three"]] * 2
    assert " run          one, three " in pj2("ls", cwd=tmp_path).stdout
    (tmp_path / "config.yaml").write_text("study: s\nexperimentz: {}\n")
    result = pj2("ls", cwd=tmp_path)
    assert result.returncode == 0
    assert "config.yaml" in result.stderr
    assert "one" not in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [["ls"], ["show", "ab"], ["verify"], ["gc", "--thin"], ["export", "runs.tar"]],
)
@pytest.mark.parametrize("there", [False, True])
def test_a_mistyped_store_is_not_an_empty_one(tmp_path, arguments, there):
    if there:
        (tmp_path / "stoer" / "other").mkdir(parents=True)
    result = pj2(*arguments, "--store", "stoer", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("pj2: --store stoer: ")
    assert not (tmp_path / "runs.tar").exists()
    assert (tmp_path / "stoer").exists() == there


def test_ls_shows_what_the_remote_tier_has(tmp_path, manifests):
    remote = tmp_path / ".pj2/store"
    result = pj2("ls", "--store", "empty", cwd=tmp_path, PJ2_STORE_REMOTE=str(remote))
    assert result.stdout.count("in the remote tier") == 2
    assert not (tmp_path / "empty").exists()


def test_show(tmp_path, manifests):
    result = pj2("show", DIGITS[:5], cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    for part in (
        f"fingerprint: {manifests[0].fingerprint}",
        "learning_rate = 0.001",
        "numpy = ",
        "a processor",
        "0.25",
        "d" * 64,
        "epochs.0.weights",
        manifests[0].name,
    ):
        assert part in result.stdout
    shown = json.loads(pj2("show", DIGITS[:5], "--json", cwd=tmp_path).stdout)
    assert shown["settings"] == manifests[0].inputs["settings"]
    assert [blob["size"] for blob in shown["blobs"]] == [500, 1500, 1500]


def test_verify(tmp_path, manifests):
    whole = pj2("verify", cwd=tmp_path)
    assert (whole.returncode, whole.stderr) == (0, "")
    assert "2 manifests and 2 blobs are intact; 0 files damaged, 0 missing" in whole.stdout
    path = tmp_path / ".pj2/store" / manifests[1].name
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    hit = pj2("verify", "--json", cwd=tmp_path)
    assert hit.returncode == 1
    found = json.loads(hit.stdout)
    assert (found["damaged"], found["missing"], len(found["problems"])) == (1, 0, 1)
    assert not path.exists()


def test_gc(tmp_path, manifests):
    arguments = ["gc", "--keep", "0B", "--grace", "0s"]
    planned = pj2(*arguments, "--dry-run", cwd=tmp_path)
    assert planned.returncode == 0
    assert "would remove 2 entries (2 manifests), 2 blobs" in planned.stdout
    assert DIGITS[:12] in planned.stdout
    removed = json.loads(pj2(*arguments, "--json", cwd=tmp_path).stdout)
    assert sorted(removed["entries"]) == sorted(each.fingerprint for each in manifests)
    assert removed["bytes"] == 2000 + sum(len(each.content) for each in manifests)
    assert json.loads(pj2("ls", "--json", cwd=tmp_path).stdout)["entries"] == []


def test_export_and_import(tmp_path, manifests):
    config = {"study": "s", "experiments": {"e": {"models": ["VGG_A_BatchNorm"], "seeds": [3]}}}
    config["experiments"]["e"]["learning_rates"] = [0.001]
    (tmp_path / "c.yaml").write_text(json.dumps(config))
    for selection in (["--config", "c.yaml"], [manifests[0].fingerprint[:6]]):
        result = pj2("export", "runs.tar", *selection, "--json", cwd=tmp_path)
        assert result.returncode == 0
        count = 2 if selection[0] == "--config" else 1
        assert json.loads(result.stdout)["manifests"] == count
    taken = pj2("import", "runs.tar", "--store", "other", cwd=tmp_path)
    assert (taken.returncode, taken.stderr) == (0, "")
    assert taken.stdout == "imported 1 manifests and 2 blobs, 2.0 kB, into other\n"
    assert [m.name for m in open_store(str(tmp_path / "other")).all_manifests()] == [
        manifests[0].name
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "ffff"], "ffff: no entry begins with it; the nearest is"),
        (["gc"], "give --keep RULE"),
        (["gc", "--keep", "soon"], "--keep soon: neither a time"),
        (["gc", "--keep", "1d", "--grace", "1GB"], "--grace 1GB"),
        (["export", "x.tar", "--config", "absent.yaml"], "absent.yaml: cannot be read"),
        (["export", "out", "ffff", "--study", "s.yaml"], "--study: publishes all of a study"),
        (["export", "out", "--study", "absent.yaml"], "absent.yaml: cannot be read"),
        (["export", "out", "--study", "s.yaml"], "the data are not prepared"),
        (["export", "out", "--study", "s.yaml", "--license", "My own"], "--license My own: exp"),
        (["import", "absent.tar"], "absent.tar: cannot be read"),
        (["ls", "--remote", "s3://b/x?colour=red"], "unknown option colour"),
        (["ls", "--remote", "s3://me:hunter2@b/x"], "remote: s3://***@b/x: cannot be opened"),
        (["gc", "--thin", "--remote", "absent"], "--remote absent: there is no such folder"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(tmp_path, manifests, arguments, words):
    experiment = {"models": ["VGG_A"], "learning_rates": [0.001]}
    (tmp_path / "s.yaml").write_text(json.dumps({"study": "s", "experiments": {"e": experiment}}))
    result = pj2(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [["ls"], ["verify"], ["import", ".pj2/store"]])
def test_a_remote_tier_that_does_not_answer_ends_a_command(tmp_path, manifests, arguments):
    remote = "s3://bucket/x?endpoint_override=127.0.0.1:9&scheme=http&region=x"
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hunter2"}
    result = pj2(*arguments, "--remote", remote, cwd=tmp_path, **keys)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"pj2: --remote {remote}: cannot be read (")
    assert "hunter2" not in line


def test_a_date_that_no_calendar_has_is_shown(tmp_path, manifests):
    for manifest in manifests:
        os.utime(tmp_path / ".pj2/store" / manifest.name, (10**12, 10**12))
    assert pj2("ls", cwd=tmp_path).returncode == 0
