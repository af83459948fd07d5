"""Interrupted, killed, continued, or with a store in trouble: with a real snakemake."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.workflow.clones import (
    LOOP,
    SHORT,
    SHORT_RUN,
    TRAINING,
    copy_checkout,
    edit,
    exact_digests,
    linked_copy,
    new_study,
    trained,
)

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A short run that nothing disturbed."""
    study = new_study(tmp_path_factory.mktemp("short"), SHORT)
    study.run(*TRAINING)
    return study


def test_a_longer_budget_continues_and_a_shorter_one_trains_nothing(short, tmp_path):
    four = SHORT.replace("epochs: 2", "epochs: 4")
    at_once = new_study(tmp_path / "at once", four)
    at_once.run(*TRAINING)
    study = new_study(tmp_path / "study", SHORT)
    linked_copy(short.folder / ".pj2", study.folder / ".pj2")
    study.run(*TRAINING)
    (study.folder / "config.yaml").write_text(four)
    assert study.planned_runs() == {"BasicCNN 0.001"}
    study.run(*TRAINING)
    log = study.log("short", "BasicCNN", "0.001")
    assert "continues after 2 epochs" in log
    assert re.findall(r"epoch (\d+)/4", log) == ["3", "4"]
    assert exact_digests(study.folder / SHORT_RUN) == exact_digests(at_once.folder / SHORT_RUN)
    (study.folder / "config.yaml").write_text(SHORT)
    study.run(*TRAINING)
    assert trained(study) == set()
    assert exact_digests(study.folder / SHORT_RUN) == exact_digests(short.folder / SHORT_RUN)


def test_two_experiments_share_a_run(tmp_path):
    second = SHORT.partition("  short:\n")[2].replace("epochs: 2", "epochs: 3")
    study = new_study(tmp_path, f"{SHORT}  longer:\n{second}")
    targets = (f"{SHORT_RUN}/run.json", f"{SHORT_RUN}/run.json".replace("short", "longer"))
    study.run(*targets)
    assert "epoch 2/2" in study.log("short", "BasicCNN", "0.001")
    log = study.log("longer", "BasicCNN", "0.001")
    assert "continues after 2 epochs" in log
    assert study.planned(*targets) == {}


def children_of(process: int) -> list[int]:
    """The processes below one, found in /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == process:
            child = int(stat.parent.name)
            found += [child, *children_of(child)]
    return found


def wait_for(condition, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
def test_a_killed_driver_and_its_orphans_lose_nothing(short, tmp_path):
    """kill -9 of snakemake at random moments; its job lives on, and finishes beside the next one.

    PJ2_TEST_KILLS sets how many moments are tried.
    """
    moments = random.Random(0)
    for trial in range(int(os.environ.get("PJ2_TEST_KILLS", "2"))):
        study = new_study(tmp_path / str(trial), SHORT)
        driver = study.start("--cores", "1", *TRAINING)
        time.sleep(moments.uniform(2, 16))
        orphans = children_of(driver.pid) if trial % 2 else []
        driver.kill()
        driver.wait()
        for orphan in orphans:  # every second time the jobs are killed too
            with suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGKILL)
        study.run("--unlock")
        study.run(*TRAINING)
        assert exact_digests(study.folder / SHORT_RUN) == exact_digests(short.folder / SHORT_RUN)
        assert study.planned_runs() == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_study_continues_where_it_was(tmp_path, short, number):
    """Ctrl-C reaches every process of the terminal's group; a cluster's SIGTERM does so too."""
    long = SHORT.replace("epochs: 2", "epochs: 400")
    study = new_study(tmp_path, long)
    driver = study.start("--cores", "1", *TRAINING)
    log = study.folder / "results/tiny/logs/train/short/BasicCNN/lr=0.001/seed=0.log"
    wait_for(lambda: log.exists() and "epoch 3/" in log.read_text())
    os.killpg(driver.pid, number)
    output, errors = driver.communicate(timeout=120)
    assert driver.returncode != 0, output + errors
    assert not (study.folder / SHORT_RUN / "run.json").exists()
    (study.folder / "config.yaml").write_text(SHORT)
    study.run(*TRAINING)
    assert trained(study) == set()  # the two epochs were there already
    assert exact_digests(study.folder / SHORT_RUN) == exact_digests(short.folder / SHORT_RUN)


def test_snakemakes_own_cache_hits_across_clones_and_misses_after_an_edit(tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()

    checkout = copy_checkout(tmp_path / "checkout")
    first = new_study(tmp_path / "first", SHORT, checkout=checkout)
    target = f"{SHORT_RUN}/run.json"
    flags = ("--cache", "train", "--", target)
    first.run(*flags, SNAKEMAKE_OUTPUT_CACHE=str(cache))
    second = new_study(tmp_path / "second", SHORT, checkout=checkout)
    second.run(*flags, SNAKEMAKE_OUTPUT_CACHE=str(cache))
    assert not (second.folder / ".pj2" / "store").exists()  # no training job ran
    assert exact_digests(second.folder / SHORT_RUN) == exact_digests(first.folder / SHORT_RUN)
    third = new_study(tmp_path / "third", SHORT, checkout=checkout)
    edit(third, LOOP, "    model.train()", "    model.train(True)")
    third.run(*flags, SNAKEMAKE_OUTPUT_CACHE=str(cache))
    assert "epoch 2/2" in third.log("short", "BasicCNN", "0.001")


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A small file system of its own, where that is permitted."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(
    ("options", "reason"),
    [("size=1m", "No space left on device"), ("ro", "Read-only file system")],
)
def test_a_store_that_is_full_or_read_only_is_said_in_one_line(tmp_path, short, options, reason):
    with mounted(tmp_path / "mounted", options) as store:
        study = new_study(tmp_path / "study", SHORT, store=store)
        study.run(*TRAINING)
        log = study.log("short", "BasicCNN", "0.001")
        lines = [line for line in log.splitlines() if line.startswith("store ")]
        assert len(lines) == 1
        assert f"cannot be written ({reason}); going on" in lines[0]
        assert exact_digests(study.folder / SHORT_RUN) == exact_digests(short.folder / SHORT_RUN)


def test_a_remote_that_does_not_answer_is_said_in_one_line(tmp_path, short):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # nothing listens there once it is closed
    remote = f"s3://bucket/pj2?endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1"
    study = new_study(tmp_path / "study", SHORT)
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    study.run(*TRAINING, PJ2_STORE_REMOTE=remote, **keys)
    log = study.log("short", "BasicCNN", "0.001")
    lines = [line for line in log.splitlines() if line.startswith("store ")]
    assert len(lines) == 1
    assert "not reachable" in lines[0]
    assert exact_digests(study.folder / SHORT_RUN) == exact_digests(short.folder / SHORT_RUN)
    # It was kept here, and goes there once it answers.
    assert list((study.folder / ".pj2" / "store" / "pending").iterdir())


def test_a_study_that_does_not_fit_the_disk_is_a_line_before_it_starts(tmp_path):
    study = new_study(tmp_path, SHORT.replace("epochs: 2", "epochs: 1000000000"))
    process = study.start("--cores", "1", *TRAINING, PJ2_STORE_WEIGHTS="all")
    try:
        line = next(line for line in process.stderr if line.startswith("disk: "))
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert "needed for 1 run to be made" in line
    assert "lower epochs" in line
