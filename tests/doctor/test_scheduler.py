"""Schedulers that answer, fail or hang, and plugins that are there or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pj2.doctor import scheduler
from pj2.doctor.scheduler import check_cache, check_schedulers, check_snakemake


@pytest.fixture
def plugins(monkeypatch):
    def install(**versions):
        found = {f"snakemake-executor-plugin-{name}": v for name, v in versions.items()}
        monkeypatch.setattr(scheduler, "_plugins", lambda: found)

    install()
    return install


def test_none(subject, plugins, monkeypatch):
    monkeypatch.setenv("PATH", "")
    (finding,) = check_schedulers(subject())
    assert (finding.status, finding.found) == ("ok", "none on this machine")


def test_one_that_answers_needs_its_plugin(subject, plugins, program):
    program("sbatch", "exit 1")
    program("sinfo", "echo main")
    (finding,) = check_schedulers(subject())
    assert finding.status == "warning"
    assert "pip install snakemake-executor-plugin-slurm" in finding.advice
    plugins(slurm="1.0")
    (finding,) = check_schedulers(subject())
    assert finding.status == "ok"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("echo 'slurm_load_partitions: Unable to contact controller' >&2; exit 1", "Unable to"),
        ("exec sleep 60", "no answer in"),
    ],
)
def test_one_that_does_not_answer(subject, plugins, program, monkeypatch, body, reason):
    monkeypatch.setattr(scheduler, "_SECONDS", 0.2)
    program("sbatch", "exit 1")
    program("sinfo", body)
    (finding,) = check_schedulers(subject())
    assert finding.status == "warning"
    assert reason in finding.found


def test_a_profile_that_asks_for_a_plugin(subject, plugins):
    wanted = subject()
    profile = Path("profiles/default/config.yaml")
    profile.parent.mkdir(parents=True)
    profile.write_text("executor: slurm\n")
    _, finding = check_snakemake(wanted)
    assert finding.status == "problem"
    assert "snakemake-executor-plugin-slurm" in finding.advice
    plugins(slurm="1.0")
    (finding,) = check_snakemake(wanted)
    assert finding.found == "snakemake-executor-plugin-slurm 1.0"


@pytest.mark.parametrize("reason", ["", "Permission denied"])
def test_a_home_that_cannot_be_written_is_named_with_what_helps(subject, monkeypatch, reason):
    monkeypatch.setattr(scheduler, "unwritable", lambda folder: reason)
    found = [(each.status, each.advice) for each in check_cache(subject())]
    assert found == ([("problem", "export XDG_CACHE_HOME=FOLDER")] if reason else [])
