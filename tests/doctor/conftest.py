"""A folder with a small study, and the checks run on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pj2.config.load import load_study
from pj2.config.study import list_runs
from pj2.doctor.finding import Subject

CONFIG = """\
study: small
dataset: {source: sample, limit: {train: 100, test: 20}}
device: cpu
store: store
experiments:
  one: {models: [BasicCNN], learning_rates: [1e-3, 1e-2], epochs: 3}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    for name in ("PJ2_STORE", "PJ2_STORE_REMOTE", "PJ2_DATA", "SNAKEMAKE_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def subject(here):
    """Return the small study with pieces of its config replaced, as checks are given it."""

    def make(old: str = "", new: str = "", thorough: bool = False) -> Subject:
        assert old in CONFIG
        Path("config.yaml").write_text(CONFIG.replace(old, new, 1))
        study = load_study("config.yaml")
        return Subject(study, tuple(list_runs(study)), study.store, thorough)

    return make


@pytest.fixture
def program(tmp_path_factory, monkeypatch):
    """Put a program with some shell lines for a body on an otherwise unchanged PATH."""
    folder = tmp_path_factory.mktemp("programs")
    monkeypatch.setenv("PATH", str(folder), prepend=":")

    def install(name: str, body: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)

    return install
