"""What the profile for SLURM makes of a site's variables."""

from __future__ import annotations

import pytest
import yte

from tests.helpers.repository import REPOSITORY

PROFILE = REPOSITORY / "profiles/slurm/config.yaml"


@pytest.fixture
def resources(tmp_path, monkeypatch):
    """Put a sacctmgr with an exit code on PATH; return the resources with these variables."""
    for name in ("SBATCH_PARTITION", "SBATCH_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def read(exit_code: int, **variables: str) -> dict[str, object]:
        (tmp_path / "sacctmgr").write_text(f"#!/bin/sh\nexit {exit_code}\n")
        (tmp_path / "sacctmgr").chmod(0o755)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return yte.process_yaml(PROFILE.read_text())["default-resources"]

    return read


def test_an_account_is_checked_where_slurm_keeps_accounts(resources):
    assert resources(0, SBATCH_ACCOUNT="vision")["slurm_account"] == "vision"


def test_an_account_is_left_to_sbatch_where_slurm_keeps_none(resources):
    assert "slurm_account" not in resources(1, SBATCH_ACCOUNT="vision")


def test_without_an_account_or_partition_none_is_named(resources):
    assert resources(0).keys() == {"runtime", "mem_mb", "at_once", "slurm_extra"}


def test_a_partition_is_named(resources):
    assert resources(0, SBATCH_PARTITION="gpu")["slurm_partition"] == "gpu"
