"""All checks together: a sound study, and broken ones that must not end the examination."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pj2.cli.main import main
from pj2.doctor import examine as module
from pj2.doctor.examine import examine


def by_what(findings):
    found = {}
    for finding in findings:
        found.setdefault(finding.what, []).append(finding)
    return found


def test_a_sound_study_has_no_problem(here):
    findings = list(examine(Path("config.yaml")))
    assert [f for f in findings if f.status == "problem"] == []
    assert {"config", "python", "torch", "disk", "data source sample", "store"} <= {
        f.what for f in findings
    }
    assert all(f.advice for f in findings if f.status != "ok")
    assert sorted(path.name for path in here.iterdir()) == ["config.yaml"]


@pytest.mark.parametrize("content", ["study: [", "study: x\nexperimnets: {}\n", None])
def test_a_broken_config_is_a_problem_and_the_machine_is_still_looked_at(here, content):
    Path("config.yaml").unlink()
    if content:
        Path("config.yaml").write_text(content)
    found = by_what(examine(Path("config.yaml")))
    assert all(f.status == "problem" for f in found["config"])
    assert {"torch", "cores", "store", "scheduler"} <= found.keys()
    assert "disk" not in found


def test_a_check_that_breaks_is_a_problem_and_the_others_go_on(here, monkeypatch):
    checks = {"broken": "absent:check", "cores": "machine:check_cores"}
    monkeypatch.setattr(module, "_CHECKS", checks)
    config, broken, cores = examine(Path("config.yaml"))
    assert (config.status, broken.status, cores.status) == ("ok", "problem", "ok")
    assert "ModuleNotFoundError" in broken.found


def call(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["pj2", "doctor", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, capsys.readouterr().out


def test_the_command_exits_with_1_on_a_problem_and_prints_json(here, monkeypatch, capsys):
    Path("config.yaml").write_text("study: [")
    code, out = call(monkeypatch, capsys)
    assert code == 1
    assert out.startswith("problem  config: config.yaml, line 1")
    code, out = call(monkeypatch, capsys, "--json")
    assert code == 1
    first = json.loads(out)[0]
    assert (first["status"], first["what"]) == ("problem", "config")


def test_a_blank_variable_ends_no_examination(here, monkeypatch):
    monkeypatch.setenv("PJ2_STORE", " ")
    found = by_what(examine(Path("config.yaml")))
    assert "store.path: found ' ': it names a folder" in found["config"][0].found
    assert "store" in found
