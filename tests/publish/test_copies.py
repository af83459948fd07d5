"""What is copied of a run is what its records name."""

from __future__ import annotations

import filecmp
import json
import os
import re
from pathlib import Path

import pytest

from pj2.errors import UserError
from pj2.publish.copies import copy_run
from pj2.runs.files import PROBE_SCHEMAS, RUN
from pj2.store.files import sha256_file
from pj2.store.records import write_record
from tests.helpers.made_up import make_run


@pytest.fixture
def make(tmp_path):
    """Write a run; return its folder."""

    return lambda **options: Path(make_run(tmp_path, "VGG_A", [2.0, 1.0], **options)["folder"])


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def test_all_but_the_last_weights_is_copied(make, tmp_path):
    source, target = make(), tmp_path / "copy"
    assert copy_run(source, target) == []
    assert names_in(target) == names_in(source) - {"last.safetensors"}
    for path in target.iterdir():
        assert filecmp.cmp(path, source / path.name, shallow=False)


def test_of_a_run_without_an_epoch_only_records_are_copied(make, tmp_path):
    assert copy_run(make(val=(), diverged=True), tmp_path / "copy") == []
    assert names_in(tmp_path / "copy") == {"run.json", "steps.parquet", "epochs.parquet"}


def test_each_damaged_file_is_named(make, tmp_path):
    source = make()
    for name in ("best.safetensors", "predictions.parquet", "last.safetensors"):
        (source / name).write_bytes((source / name).read_bytes() + b" ")
    said = "damaged: its bytes are not those that"
    assert copy_run(source, tmp_path / "copy") == [
        f"{source}/best.safetensors: {said} run.json names",
        f"{source}/predictions.parquet: {said} run.json names",
    ]


def test_a_pipe_in_the_place_of_a_file_is_named_and_not_waited_for(make, tmp_path):
    source = make()
    (source / "steps.parquet").unlink()
    os.mkfifo(source / "steps.parquet")
    (problem,) = copy_run(source, tmp_path / "copy")
    assert problem == f"{source}/steps.parquet: damaged: not a regular file"


@pytest.mark.parametrize("name", ["../.bash_login", "notes.txt", "two\nlines"])
def test_a_record_that_names_other_files_is_refused(make, tmp_path, name):
    source, target = make(), tmp_path / "copies" / "copy"
    (source / name).write_bytes(b"echo owned")
    named = json.loads((source / "run.json").read_text())
    named["artifacts"][name] = sha256_file(source / name)
    write_record(source / "run.json", named)
    with pytest.raises(
        UserError, match=f"^{re.escape(str(source / RUN))}: .* artifacts"
    ) as refused:
        copy_run(source, target)
    assert len(str(refused.value).splitlines()) == 1
    assert not (target / name).exists()


def test_files_of_probes_are_copied(make, tmp_path):
    source = make()
    named = json.loads((source / "run.json").read_text())
    for name in PROBE_SCHEMAS:
        (source / name).write_bytes(b"measured")
        named["artifacts"][name] = sha256_file(source / name)
    write_record(source / "run.json", named)
    assert copy_run(source, tmp_path / "copy") == []
    assert names_in(tmp_path / "copy") == names_in(source) - {"last.safetensors"}
