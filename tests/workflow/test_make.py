"""The Makefile's targets, with commands that say what they are given."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.helpers.repository import REPOSITORY


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
def test_make_run_has_a_cache_where_the_home_folder_cannot_be_written(tmp_path):
    snakemake = tmp_path / "snakemake"
    snakemake.write_text('#!/bin/sh\necho "$XDG_CACHE_HOME"\n')
    snakemake.chmod(0o755)
    home, no_home = tmp_path / "home", tmp_path / "snakemake"  # a file has no folders in it

    def cache(**variables: str) -> str:
        given = [f"BIN={tmp_path}", f"READY={snakemake}", "-o", str(snakemake), "run"]
        own = {key: value for key, value in os.environ.items() if key != "XDG_CACHE_HOME"}
        done = subprocess.run(
            ["make", "--silent", *given],
            cwd=REPOSITORY, env=own | variables, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stderr == ""
        return done.stdout.strip()

    assert cache(HOME=str(home)) == f"{home}/.cache"
    assert cache(HOME=str(no_home)) == f"{REPOSITORY}/.snakemake/cache"
    assert cache(HOME=str(no_home), XDG_CACHE_HOME=str(home)) == str(home)
