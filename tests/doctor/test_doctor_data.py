"""Sources that are sound, damaged, missing or out of reach, and what was prepared of them."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from pj2.data.layout import prepared_folder
from pj2.data.prepare import prepare
from pj2.data.sources import locate
from pj2.doctor import data
from pj2.doctor.data import check_prepared, check_source
from pj2.errors import UserError
from pj2.store.records import write_record


@pytest.fixture
def sample(tmp_path, monkeypatch):
    """A copy of the bundled sample, to be damaged."""
    copy = Path(shutil.copytree(locate.SAMPLE_FOLDER, tmp_path / "sample"))
    monkeypatch.setattr(locate, "SAMPLE_FOLDER", copy)
    monkeypatch.setattr(data, "SAMPLE_FOLDER", copy)
    return copy


def test_the_sample_is_verified(subject, sample):
    (finding,) = check_source(subject())
    assert finding.status == "ok"
    assert "SHA-256 verified" in finding.found


def test_a_thorough_look_reads_every_image(subject):
    _, read = check_source(subject(thorough=True))
    assert "5,000 training and 1,000 test images of 10 classes" in read.found


def test_a_damaged_file_of_the_sample(subject, sample):
    file = sample / "test-00000-of-00001.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    (finding,) = check_source(subject())
    assert finding.status == "problem"
    assert file.name in finding.found
    assert "train-" not in finding.found
    assert "checkout" in finding.advice


@pytest.mark.parametrize("source", ["parquet", "imagefolder", "archive"])
def test_a_path_that_is_missing(subject, source):
    wanted = subject("source: sample", f"source: {source}, path: absent")
    with pytest.raises(UserError, match="absent does not exist"):
        list(check_source(wanted))


def test_a_path_that_is_there(subject, sample):
    (finding,) = check_source(subject("source: sample", f"source: parquet, path: {sample}"))
    assert (finding.status, "2 files" in finding.found) == ("ok", True)


def test_files_that_are_not_read_are_named(subject, sample):
    (sample / "validation.parquet").write_bytes(b"")
    _, finding = check_source(subject("source: sample", f"source: parquet, path: {sample}"))
    assert finding.status == "warning"
    assert finding.found == f"not read from {sample}: {sample / 'validation.parquet'}"


DOWNLOAD = ("source: sample", "source: torchvision")


def test_a_download_without_a_network(subject, monkeypatch):
    def offline(*_, **__):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    (finding,) = check_source(subject(*DOWNLOAD))
    assert finding.status == "warning"
    assert "Name or service not known" in finding.found
    assert "data/cifar10" in finding.advice


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "svhn", "fashion_mnist"])
def test_a_download_whose_host_answers(subject, monkeypatch, name):
    asked = []
    monkeypatch.setattr(
        urllib.request, "urlopen", lambda request, **_: asked.append(request) or nullcontext()
    )
    (finding,) = check_source(subject("source: sample", f"source: torchvision, name: {name}"))
    assert finding.status == "ok"
    (request,) = asked
    assert request.get_method() == "HEAD"
    assert request.full_url.startswith("http")


def test_what_was_prepared(subject):
    wanted = subject()
    (finding,) = check_prepared(wanted)
    assert "none yet" in finding.found
    folder = Path(prepared_folder(wanted.study.dataset))
    prepare(wanted.study.dataset, folder)
    (finding,) = check_prepared(wanted)
    assert "100 training and 20 test images" in finding.found
    info = json.loads((folder / "dataset.json").read_text())
    write_record(folder / "dataset.json", {**info, "source_digest": "0" * 64})
    (finding,) = check_prepared(wanted)
    assert finding.status == "warning"
    assert "changed since" in finding.found
    write_record(folder / "dataset.json", info)
    settings = wanted.runs[0].settings.model_copy(update={"validation_fraction": 0.01})
    too_few = replace(wanted, runs=(replace(wanted.runs[0], settings=settings),))
    with pytest.raises(UserError, match="a higher validation_fraction"):
        list(check_prepared(too_few))
    images = folder / "dataset.safetensors"
    images.write_bytes(images.read_bytes()[:-1] + b"\xff")
    with pytest.raises(UserError, match="damaged"):
        list(check_prepared(wanted))
