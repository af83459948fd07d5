"""What workflow/rules/snakemake.smk uses of Snakemake's insides, each in a real run of it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.helpers.repository import REPOSITORY

pytestmark = pytest.mark.workflow
SNAKEFILE = f"""
include: "{REPOSITORY}/workflow/rules/snakemake.smk"

import atexit
import sys

if not GIVEN_CONFIGFILES:
    configfile: "own.yaml"

def say(word, value):
    print(word, value, file=sys.stderr)

say("config", configfiles())
say("given", GIVEN_CONFIG)
say("checkout", CHECKOUT)
say("storage", IN_STORAGE)
say("one machine", ONE_MACHINE)
say("planning", PLANNING)
limit("slots", 1)
say("slots", workflow.global_resources["slots"].value)
if PLANNING:
    atexit.register(lambda: say("made", was_made("b.txt")))
    atexit.register(lambda: say("listed", sorted(job.name for job in jobs_of_dry_run())))

def checked(wildcards):
    if os.path.exists("damaged"):
        make_again("a.txt")
    return "input.txt"

onstart:
    say("to run", sorted(job.name for job in jobs_to_run()))
    say("scheduled", sorted(job.name for job in scheduled_jobs()))
    say("slurm", slurm_prefix())

rule b:
    input: "a.txt"
    output: "b.txt"
    localrule: True
    shell: "cp {{input}} {{output}}"

rule a:
    input: checked
    output: "a.txt"
    shell: "cp {{input}} {{output}}; date +%N >> {{output}}"

rule other:
    input: "input.txt"
    output: "other.txt"
    run:
        say("in a job, planning", PLANNING)
        Path(output[0]).touch()
"""


@pytest.fixture
def snakemake(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "own.yaml").write_text("{}\n")
    (tmp_path / "input.txt").write_text("input\n")

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


def test_an_output_is_made_again_and_nothing_that_was_not_asked_for(snakemake, tmp_path):
    first = snakemake("b.txt")
    assert "to run ['a', 'b']" in first
    assert "scheduled []" in first, "on one machine; tests/slurm has a cluster's"
    assert "slurm None" in first
    assert "made True" in first
    assert "Nothing to be done" in snakemake("b.txt")

    (tmp_path / "damaged").touch()
    planned = snakemake("-n", "b.txt")
    assert "Forced execution" in planned
    assert "made False" in planned, "a dry run makes nothing"
    assert "listed ['a', 'b']" in planned
    assert "listed []" in first
    assert "Forced execution" not in snakemake("other.txt"), "a.txt is no target"
    assert "to run ['a', 'b']" in snakemake("b.txt")
    (tmp_path / "damaged").unlink()
    assert "Nothing to be done" in snakemake("b.txt"), "the damage left no trace"


def test_the_configfile_that_was_given_is_the_only_one(snakemake, tmp_path):
    (tmp_path / "given.yaml").write_text("{}\n")
    assert "config ['own.yaml']" in snakemake("-n", "b.txt")
    given = snakemake("-n", "b.txt", "--configfile", "given.yaml", "--config", "rate=1e-3")
    assert re.search(r"config \['\S*given\.yaml'\]", given)
    assert "given {'rate': 0.001}" in given


def test_what_is_known_before_planning(snakemake):
    text = snakemake("other.txt")
    assert f"checkout {REPOSITORY}\n" in text
    assert "storage False" in text
    assert "one machine True" in text
    assert "slots 1\n" in text
    assert "planning True" in text
    assert "in a job, planning False" in text, "a `run:` block is a process of its own"
    assert "slots 5\n" in snakemake("-n", "b.txt", "--resources", "slots=5")


def test_no_other_rule_touches_the_workflow_object():
    rules = [REPOSITORY / "Snakefile", *REPOSITORY.glob("workflow/rules/*.smk")]
    users = {path.name for path in rules if re.search(r"(?<!/)\bworkflow\.\w+", path.read_text())}
    assert users == {"snakemake.smk"}
