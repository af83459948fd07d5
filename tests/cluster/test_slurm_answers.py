"""What is made of a scheduler's answers; tests/slurm asks a real one."""

from __future__ import annotations

import json
import subprocess

import pytest

from pj2.cluster.slurm import check_job, longest_minutes, replace_driver
from pj2.errors import UserError
from pj2.store.records import write_record


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a program with some shell lines for a body on PATH; it notes how it was called."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")

    def install(name: str, body: str) -> None:
        (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/calls\n{body}\n')
        (folder / name).chmod(0o755)

    return install


@pytest.mark.parametrize(
    ("partition", "minutes"),
    [(None, 90), ("days", 2 * 1440 + 30), ("short", 30), ("endless", None), ("nowhere", None)],
)
def test_time_limits_of_partitions(program, partition, minutes):
    rows = ["main* 1:30:00", "days 2-00:30:00", "short 30:00", "endless infinite"]
    program("sinfo", "\n".join(f"echo '{row}'" for row in rows))
    assert longest_minutes(partition) == minutes


def test_without_slurm_nothing_is_limited(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert longest_minutes() is None


NEEDS = {"mem_mb": 2000, "runtime": 60, "gres": "gpu:1", "slurm_partition": None}


def test_a_job_that_would_start_is_asked_for_as_it_will_be(program, tmp_path):
    program("sinfo", "echo 'main* infinite'")
    program("sbatch", "echo 'sbatch: Job 7 to start at 2030-01-01T00:00:00 using 1 processors' >&2")
    assert check_job("train", 2, NEEDS) == ""
    asked = (tmp_path / "calls").read_text().splitlines()[-1]
    assert (
        asked
        == "sbatch --test-only --cpus-per-task=2 --mem=2000 --time=60 --gres=gpu:1 --wrap=true"
    )


@pytest.mark.parametrize(
    "reason",
    [
        "Invalid account or account/partition combination specified",
        "No partition specified or system default partition",
        "Unable to contact slurm controller (connect failure)",
    ],
)
def test_what_never_starts_is_a_users_mistake(program, reason):
    program("sinfo", "echo 'main* infinite'")
    program("sbatch", f"echo 'allocation failure: {reason}' >&2; exit 1")
    with pytest.raises(UserError, match="SBATCH_ACCOUNT") as found:
        check_job("train", 2, NEEDS)
    assert len(found.value.problems) == 1
    assert reason in found.value.problems[0]


def test_what_may_start_later_is_a_warning(program):
    """So SLURM says of a drained node, and of more than any node has."""
    program("sinfo", "echo 'main* infinite'")
    program("sbatch", "echo 'allocation failure: Requested node configuration is not available'")
    assert "node configuration is not available; unless" in check_job("train", 2, NEEDS)


def test_a_time_that_the_partition_does_not_grant(program):
    program("sinfo", "echo 'main* 30:00'")
    program("sbatch", "exit 0")
    with pytest.raises(UserError, match="grants 30 minutes"):
        check_job("train", 2, NEEDS)


def test_jobs_of_a_driver_that_is_gone_are_stopped(program, tmp_path):
    record, gone = tmp_path / "record.json", tmp_path / "gone"
    program("squeue", f"[ -e {gone} ] || printf '11 first_a\\n12 first_b\\n13 firsts\\n'")
    program("scancel", f"touch {gone}")
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert replace_driver(record, "first") == 0
    write_record(record, json.loads(record.read_text()) | {"process": ended.pid})
    assert replace_driver(record, "second") == 2
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call for call in calls if call.startswith("scancel")] == ["scancel 11 12"]
    assert json.loads(record.read_text())["prefix"] == "second"


def test_jobs_of_a_driver_that_lives_are_left_alone(program, tmp_path):
    program("squeue", "echo 11 first_a")
    program("scancel", "")
    replace_driver(tmp_path / "record.json", "first")
    assert replace_driver(tmp_path / "record.json", "second") == 0
    assert not (tmp_path / "calls").exists()


def test_a_record_that_was_edited_stops_no_jobs(program, tmp_path):
    """Its prefix would be that of whatever jobs somebody wrote into it."""
    program("squeue", "echo 11 first_a")
    program("scancel", "")
    record, said = tmp_path / "record.json", []
    replace_driver(record, "first")
    record.write_text(json.dumps(json.loads(record.read_text()) | {"host": "another"}))
    assert replace_driver(record, "second", said.append) == 0
    assert not (tmp_path / "calls").exists()
    assert [line for line in said if "was edited or damaged" in line] == said
    assert json.loads(record.read_text())["prefix"] == "second"
