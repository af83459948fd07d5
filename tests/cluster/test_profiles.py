"""What the profiles for clusters make of a site's variables and plugins."""

from __future__ import annotations

import sys

import pytest
import yte

from tests.helpers.repository import REPOSITORY


def read_profile(name):
    return yte.process_yaml((REPOSITORY / "profiles" / name / "config.yaml").read_text())


@pytest.fixture
def resources(tmp_path, monkeypatch):
    """Put a sacctmgr with an exit code on PATH; return the resources with these variables."""
    (tmp_path / "snakemake_executor_plugin_slurm.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("SBATCH_PARTITION", "SBATCH_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def read(exit_code: int, **variables: str) -> dict[str, object]:
        (tmp_path / "sacctmgr").write_text(f"#!/bin/sh\nexit {exit_code}\n")
        (tmp_path / "sacctmgr").chmod(0o755)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return read_profile("slurm")["default-resources"]

    return read


def test_an_account_is_checked_where_slurm_keeps_accounts(resources):
    assert resources(0, SBATCH_ACCOUNT="vision")["slurm_account"] == "vision"


def test_an_account_is_left_to_sbatch_where_slurm_keeps_none(resources):
    assert "slurm_account" not in resources(1, SBATCH_ACCOUNT="vision")


def test_without_an_account_or_partition_none_is_named(resources):
    assert resources(0).keys() == {"runtime", "mem_mb", "at_once", "slurm_extra"}


def test_a_partition_is_named(resources):
    assert resources(0, SBATCH_PARTITION="gpu")["slurm_partition"] == "gpu"


@pytest.mark.parametrize("name", ["slurm", "cluster-generic"])
def test_a_missing_plugin_is_named(name, monkeypatch, capsys):
    """Snakemake would only say that it does not know the executor."""
    monkeypatch.setitem(sys.modules, f"snakemake_executor_plugin_{name.replace('-', '_')}", None)
    monkeypatch.setenv("PJ2_SUBMIT", "qsub")
    with pytest.raises(SystemExit) as ended:
        read_profile(name)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"profiles/{name} needs ")
    assert "pip install" in line


def test_a_missing_submit_command_is_named(monkeypatch, tmp_path, capsys):
    (tmp_path / "snakemake_executor_plugin_cluster_generic.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("PJ2_SUBMIT", raising=False)
    with pytest.raises(SystemExit) as ended:
        read_profile("cluster-generic")
    assert ended.value.code == 2
    assert "PJ2_SUBMIT is not set" in capsys.readouterr().err
