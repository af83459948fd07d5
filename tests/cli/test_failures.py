"""What a failure prints, and the exit code it ends with."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys

import pytest

from pj2.cli.failures import report
from pj2.errors import UserError
from pj2.runs.interrupt import Interrupted


class Terminal(io.StringIO):
    def isatty(self):
        return True


def told(monkeypatch, error, stderr, debug=""):
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setenv("PJ2_DEBUG", debug)
    try:
        raise error
    except Exception as caught:
        code = report(caught)
    return code, stderr.getvalue().splitlines()


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (UserError(["one: wrong", "two: wrong"]), 2, ["pj2: one: wrong", "pj2: two: wrong"]),
        (Interrupted("stopped after 2 epochs"), 75, ["pj2: stopped after 2 epochs"]),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "absent"),
            2,
            ["pj2: absent: No such file or directory"],
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            2,
            ["pj2: output: No space left on device"],
        ),
        (
            KeyError("key"),
            70,
            ["pj2: internal error: KeyError: 'key'; run again with --debug for the traceback"],
        ),
    ],
)
def test_on_a_terminal_it_is_a_line_a_problem(monkeypatch, error, code, lines):
    assert told(monkeypatch, error, Terminal()) == (code, lines)


def test_a_log_has_the_traceback_of_a_bug_but_not_of_a_users_mistake(monkeypatch):
    code, lines = told(monkeypatch, ValueError("odd"), io.StringIO())
    assert (code, lines[0]) == (70, "Traceback (most recent call last):")
    assert lines[-1].startswith("pj2: internal error: ValueError: odd")
    assert told(monkeypatch, UserError("wrong"), io.StringIO()) == (2, ["pj2: wrong"])


def test_debug_shows_the_traceback_of_any_error(monkeypatch):
    code, lines = told(monkeypatch, UserError("wrong"), Terminal(), debug="1")
    assert (code, lines[0], lines[-1]) == (2, "Traceback (most recent call last):", "pj2: wrong")


@pytest.mark.parametrize(
    ("flag", "variables"), [(["--debug"], {}), ([], {"PJ2_DEBUG": "1"}), ([], {"PJ2_DEBUG": "0"})]
)
def test_the_flag_and_the_variable(flag, variables):
    own = {k: v for k, v in os.environ.items() if not k.startswith("PJ2_")} | variables
    command = [sys.executable, "-m", "pj2", *flag, "check", "absent.yaml"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=own)
    assert result.returncode == 2
    asked = bool(flag) or variables.get("PJ2_DEBUG") == "1"
    assert ("Traceback" in result.stderr) == asked


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["store", "nonsense"], ["check", "--nonsense"]]
)
def test_what_does_not_exist_is_said_in_short(arguments):
    command = [sys.executable, "-m", "pj2", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "nonsense" in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) <= 6
