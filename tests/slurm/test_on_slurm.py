"""A study on a real SLURM of two nodes, with everything that happens to jobs of a cluster.

One study is disturbed in many ways; the tests look at what became of it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml
from filelock import FileLock

from tests.helpers.repository import REPOSITORY
from tests.slurm.local_slurm import Cluster, missing, wait_until
from tests.slurm.studies import Run, Study, freeze, variables_of_plugin

pytestmark = pytest.mark.slurm

CONFIG = """\
study: tiny
dataset:
  source: sample
  limit: {train: 300, test: 20}
experiments:
  rates:
    models: [BasicCNN]
    learning_rates: [1e-3, 2e-3]
    batch_size: 16
    epochs: 20
"""
EPOCHS = [str(epoch) for epoch in range(1, 21)]
RATES = ("0.001", "0.002")
RUN_JSON = f"results/tiny/runs/experiment=rates/model=BasicCNN/lr={RATES[0]}/seed=0/run.json"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory) -> dict[str, str]:
    try:
        return variables_of_plugin(tmp_path_factory.mktemp("plugin"))
    except RuntimeError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, plugin) -> Iterator[Cluster]:
    if reason := missing():
        pytest.skip(f"no SLURM here: {reason}")
    # A machine has one /etc/slurm, and another checkout's tests may be using it.
    with FileLock(Path(tempfile.gettempdir(), "pj2-tests-slurm.lock")):
        cluster = Cluster(tmp_path_factory.mktemp("slurm"), nodes=2, cores=2)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory) -> Study:
    """The study on this machine, without SLURM; it runs while others wait."""
    study = Study(tmp_path_factory.mktemp("quiet"))
    (study.folder / "config.yaml").write_text(CONFIG)
    study.start("--cores", "1", "all")
    return study


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory, plugin, cluster, quiet) -> Iterator[Study]:
    """The study on SLURM, to its end, through all that may happen."""
    study = Study(tmp_path_factory.mktemp("disturbed"), plugin | {"SBATCH_ACCOUNT": "vision"})
    (study.folder / "config.yaml").write_text(CONFIG)
    try:
        disturb(study, cluster)
        wait_until(lambda: "(100%) done" in quiet.printed, 120)
        yield study
    finally:
        study.end()
        quiet.end()


def disturb(study: Study, cluster: Cluster) -> None:
    first, second = (Run(study, rate) for rate in RATES)

    def jobs(column: str) -> list[str]:
        return cluster.run("squeue", "--noheader", "-o", column).split()

    # Preparing the data takes more than that, and is then given twice as much.
    memory = ("--set-resources", "prepare_data:mem_mb=attempt*250", "train:mem_mb=2500")
    driver = study.on_slurm(*memory, "--retries", "20", "--", "all")

    # One node is drained, and what runs there is warned of its time, for which SLURM takes a while.
    freeze((first, 1), (second, 1))
    assert jobs("%a") == ["vision"] * 2
    drained = second.node
    (other,) = set(cluster.nodes) - {drained}
    assert first.node == other
    cluster.run("scontrol", "update", f"nodename={drained}", "state=drain", "reason=test")
    cluster.run("scontrol", "update", f"jobid={second.job}", "timelimit=1")

    # Meanwhile on the other: cancelled, killed.
    cluster.run("scancel", first.job)
    freeze((first, 2), (second, 2))
    os.kill(first.process, signal.SIGKILL)

    # It crashes with both of them, whom SLURM would start again after two minutes.
    freeze((first, 3))
    assert [first.node, second.node] == [other, other]
    cluster.crash_node(other)
    wait_until(lambda: jobs("%T") == ["PENDING"] * 2, 90)
    cluster.run("scontrol", "update", f"nodename={drained}", "state=resume")
    for job in jobs("%i"):
        cluster.run("scontrol", "update", f"jobid={job}", "starttime=now")

    freeze((first, 4), (second, 3))
    cluster.start_node(other)
    cluster.stop_controller()
    cluster.start_controller()
    cluster.run("scancel", "--signal=TERM", second.job)
    second.thaw()

    freeze((second, 4))
    assert driver.poll() is None, study.printed[-8000:]
    driver.kill()
    driver.wait()
    first.thaw()
    assert study.start("--unlock").wait() == 0
    assert study.on_slurm("all").wait() == 0, study.printed[-8000:]


def trained(attempts: list[str]) -> list[str]:
    """The epochs that jobs finished, in their order."""
    return [epoch for text in attempts for epoch in re.findall(r"epoch (\d+)/", text)]


def contents(study: Study) -> dict[str, bytes]:
    """All results but what says when, where and how fast, and the pages that show that."""
    folder = study.folder / "results/tiny"
    timed = (
        "logs/",
        "run.json",
        "index/experiment=",  # with a digest of each run.json
        "epochs.",
        "comparison.",
        "summary.",
        "efficiency.",
        "report.html",
    )
    return {
        name: path.read_bytes()
        for path in folder.rglob("*.*")
        if path.is_file()
        and not any(word in (name := str(path.relative_to(folder))) for word in timed)
    }


def test_each_event_took_place(disturbed, cluster):
    first, second = (Run(disturbed, rate).attempts for rate in RATES)
    memory = sorted(disturbed.folder.glob(".snakemake/slurm_logs/rule_prepare_data/*.log"))
    assert "exceeded memory limit" in memory[0].read_text()
    assert "exceeded memory limit" not in memory[-1].read_text()
    assert "saved; run it again" in first[0], "cancelled"
    assert "Killed" in first[1], "killed without a warning"
    assert "saved; run it again" not in first[1]
    controller = (cluster.folder / "slurmctld.log").read_text()
    assert "due to failure of node" in controller
    for lost in (first[2], second[1]):
        assert "Exiting because a job execution failed" not in lost, "it ended with its node"
    assert "saved; run it again" in second[0], "warned of its time"
    assert "saved; run it again" in second[2], "asked to stop, after the controller was restarted"
    assert "jobs of a killed Snakemake were stopped" in disturbed.printed


@pytest.mark.parametrize("rate", RATES)
def test_no_epoch_is_trained_twice(disturbed, rate):
    """One that ended just before `kill -9`, and had not been stored, would be the exception."""
    assert trained(Run(disturbed, rate).attempts) == EPOCHS


def test_every_attempt_goes_on_where_the_one_before_was(disturbed):
    for rate in RATES:
        tries = [text for text in Run(disturbed, rate).attempts if "epoch " in text]
        assert all("continues after" in text for text in tries[1:])


def test_it_ends_as_if_nothing_had_happened(disturbed, quiet):
    found, expected = contents(disturbed), contents(quiet)
    assert len(expected) > 40
    assert {name for name in expected if found.get(name) != expected[name]} == set()
    assert found.keys() == expected.keys()


def test_only_times_and_places_differ(disturbed, quiet):
    for path in quiet.folder.glob("results/tiny/runs/*/*/*/*/run.json"):
        expected = json.loads(path.read_text())
        found = json.loads((disturbed.folder / path.relative_to(quiet.folder)).read_text())
        differing = {key for key in expected if found[key] != expected[key]}
        assert differing <= {"seconds", "images_per_second", "precision", "artifacts", "digest"}
        hashes = found["artifacts"] | {"epochs.parquet": expected["artifacts"]["epochs.parquet"]}
        assert hashes == expected["artifacts"]
        assert found["precision"]["used"] == expected["precision"]["used"]
        rows, others = (
            pd.read_parquet(
                study.folder / path.relative_to(quiet.folder).with_name("epochs.parquet")
            )
            for study in (disturbed, quiet)
        )
        timed = ["seconds", "images_per_second"]
        pd.testing.assert_frame_equal(rows.drop(columns=timed), others.drop(columns=timed))


def test_a_finished_study_submits_nothing(disturbed):
    before = disturbed.printed
    assert disturbed.on_slurm("all").wait() == 0
    assert "submitted with SLURM" not in disturbed.printed.removeprefix(before)


def test_a_time_limit_that_comes_without_a_warning(plugin, cluster, tmp_path):
    study = Study(tmp_path, plugin)
    (tmp_path / "config.yaml").write_text(CONFIG)
    without = ("--default-resources", "runtime=3", "mem_mb=1500", "at_once=1")
    append = "slurm_extra='--open-mode=append'"
    run = Run(study, RATES[0])
    driver = study.on_slurm(*without, append, "--", RUN_JSON)
    try:
        freeze((run, 1))
        cluster.run("scontrol", "update", f"jobid={run.job}", "timelimit=1")
        assert driver.wait() == 0, study.printed[-8000:]
    finally:
        study.end()
    assert "DUE TO TIME LIMIT" in run.attempts[0]
    assert "saved; run it again" in run.attempts[0]
    assert trained(run.attempts) == EPOCHS


def test_two_nodes_train_one_run_at_once(plugin, cluster, tmp_path):
    """Two studies that share a store, and no folder."""
    config = yaml.safe_load(CONFIG)
    config["experiments"]["rates"]["learning_rates"] = [0.001]
    variables = plugin | {"PJ2_STORE": str(tmp_path / "store")}
    studies = [Study(tmp_path / name, variables) for name in ("one", "other")]
    drivers = []
    for study in studies:
        study.folder.mkdir()
        (study.folder / "config.yaml").write_text(yaml.safe_dump(config))
        drivers.append(study.on_slurm("--", RUN_JSON))
    runs = [Run(study, RATES[0]) for study in studies]
    try:
        freeze(*((run, 1) for run in runs))
        assert {run.node for run in runs} == set(cluster.nodes)
        for run in runs:
            run.thaw()
        assert [driver.wait() for driver in drivers] == [0, 0]
    finally:
        for study in studies:
            study.end()
    for run in runs:  # the one that is later begins where the store has the other
        epochs = trained(run.attempts)
        assert len(epochs) > 1
        assert epochs == EPOCHS[-len(epochs) :]
    one, other = (
        json.loads((study.folder / RUN_JSON).read_text())["artifacts"]
        | {"epochs.parquet": "has times"}
        for study in studies
    )
    assert one == other
    store = ["--store", str(tmp_path / "store")]
    verify = [sys.executable, "-m", "pj2", "store", "verify", *store]
    assert subprocess.run(verify, cwd=REPOSITORY, check=False).returncode == 0


@pytest.mark.parametrize(
    ("partition", "message"),
    [("nowhere", "Invalid partition name"), ("hasty", "the partition grants 2 minutes")],
)
def test_what_slurm_would_not_start_is_said_in_one_line(
    plugin, cluster, tmp_path, partition, message
):
    (tmp_path / "config.yaml").write_text(CONFIG)
    study = Study(tmp_path, plugin | {"SBATCH_PARTITION": partition})
    assert study.on_slurm("all").wait() == 2
    # A thread of Snakemake may still have a word to say of its own end.
    (line,) = [line for line in study.printed.splitlines() if line.startswith("SLURM: ")]
    assert message in line
    assert "SBATCH_PARTITION" in line
    assert "submitted" not in study.printed
    assert not (tmp_path / ".snakemake" / "locks").exists(), "the folder is free again"
