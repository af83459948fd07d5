"""A new model as `pj2 new-model` writes it: its test passes, and linters find nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from pj2.errors import UserError
from pj2.scaffold import files, model
from pj2.scaffold.model import camel_case, snake_case, write_model
from tests.helpers.repository import REPOSITORY


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """What `pj2 new-model` needs of a clone."""
    folder = tmp_path_factory.mktemp("clone")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "pj2", folder / "pj2", ignore=ignored)
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    (folder / "workflow").mkdir()
    (folder / "tests" / "models").mkdir(parents=True)
    return folder


def run(clone, *arguments):
    own = {**os.environ, "PYTHONPATH": str(clone), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=clone, env=own, capture_output=True, text=True, check=False)


def test_it_is_registered_tested_and_clean(clone):
    made = run(clone, "pj2", "new-model", "VGG16Wide")
    assert made.returncode == 0, made.stderr
    assert "models: [BasicCNN, VGG16Wide]" in made.stdout
    files = ["pj2/models/vgg16_wide.py", "tests/models/test_vgg16_wide.py"]
    assert all((clone / file).exists() for file in files)
    tested = run(clone, "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", files[1])
    assert "3 passed" in tested.stdout, tested.stdout
    for check in (["check"], ["format", "--check"]):
        found = run(clone, "ruff", *check, *files)
        assert found.returncode == 0, found.stdout
    again = run(clone, "pj2", "new-model", "VGG16Wide")
    assert again.returncode == 2
    assert again.stderr == "pj2: VGG16Wide: there is a model VGG16Wide, in pj2.models.vgg16_wide\n"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wide-net", "for example WideNet"),
        ("2fast", "for example Fast"),
        ("", "for example MyNet"),
        ("N" * 41, f"for example {'N' * 40}"),
        ("basiccnn", "there is a model BasicCNN"),
        ("Class", "for example ClassNet"),
        ("Registry", "registry.py: exists already"),
    ],
)
def test_names_that_are_refused(clone, monkeypatch, name, words):
    monkeypatch.setattr(model, "checkout", lambda: clone)
    before = sorted(clone.rglob("*"))
    with pytest.raises(UserError, match=words) as refused:
        write_model(name)
    assert len(refused.value.problems) == 1
    assert sorted(clone.rglob("*")) == before


def test_without_a_clone_it_is_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr(files.pj2, "__file__", str(tmp_path / "pj2" / "__init__.py"))
    with pytest.raises(UserError, match="needs a clone"):
        write_model("WideCNN")


@pytest.mark.parametrize(
    ("camel", "snake"),
    [("WideCNN", "wide_cnn"), ("VGG16Wide", "vgg16_wide"), ("Net2", "net2"), ("ABTest", "ab_test")],
)
def test_snake_case(camel, snake):
    assert snake_case(camel) == snake


def test_camel_case():
    assert camel_case("my wide_CNN") == "MyWideCNN"
