"""The command line: a user's mistake is a line and exit code 2."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from pj2.config.load import load_study
from pj2.config.study import list_runs

SETTINGS = json.dumps({"model": "BasicCNN", "learning_rate": 1e-3, "seed": 0})
DEFAULT_RUNS = len(list_runs(load_study("config.yaml")))


def pj2(*arguments, cwd=None, **variables):
    return subprocess.run(
        [sys.executable, "-m", "pj2", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=os.environ | variables,
    )


def test_help_names_every_command():
    result = pj2("--help")
    assert result.returncode == 0
    for command in ("prepare", "train", "check", "figure", "table", "band"):
        assert command in result.stdout


def test_check_lists_runs(tmp_path):
    result = pj2("check", "config.yaml")
    assert result.returncode == 0
    assert f"{DEFAULT_RUNS} runs" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "absent.yaml"], "absent.yaml: cannot be read"),
        (["prepare", "--dataset", '{"source": "flickr"}', "--output", "x"], "--dataset: source"),
        (["train", "--settings", "{", "--data", "x", "--output", "y"], "--settings: not JSON"),
        (
            ["train", "--data", "absent", "--output", "y", "--settings", SETTINGS],
            "absent",
        ),
        (["figure", "filter-grids", "absent.json", "--output", "x"], "absent.json"),
        (["band", "absent.json", "--output", "x"], "absent.json"),
        (["train", "--no-such-option"], "--no-such-option"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(tmp_path, arguments, words):
    result = pj2(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_an_output_of_ascii_only_ends_no_command(tmp_path, variables):
    shutil.copy("config.yaml", tmp_path / "größe·.yaml")
    result = pj2("check", "größe·.yaml", cwd=tmp_path, **variables)
    assert result.returncode == 0, result.stderr
    assert result.stdout.isascii()
    assert result.stdout.rstrip().endswith(f".yaml: {DEFAULT_RUNS} runs")


def test_a_backend_that_a_notebook_sets_is_not_looked_for(tmp_path):
    result = pj2(
        *("figure", "filter-grids", "absent.json", "--output", "x"),
        cwd=tmp_path,
        MPLBACKEND="module://not_installed.backend",
    )
    assert result.returncode == 2
    assert "absent.json" in result.stderr
