"""Many tiny runs on SLURM, and the same on this machine.

``python -m tests.slurm.many_jobs RUNS [--per-job N]``

Each run is one epoch of 100 images, trained and not shown, so that starting it is nearly all
of it. Both ways start from nothing and use every core; the machine should be idle otherwise.
Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.slurm.local_slurm import Cluster, missing
from tests.slurm.studies import Study, variables_of_plugin

CONFIG = """\
study: many
dataset:
  source: sample
  limit: {{train: 100, test: 20}}
experiments:
  seeds:
    models: [BasicCNN]
    learning_rates: [1e-3]
    seeds: [{seeds}]
    batch_size: 50
    epochs: 1
    precision: fp32
"""
TARGET = ("--until", "train", "--", "comparison_table")


def main(runs: int, per_job: int, gres: str, folder: Path) -> dict[str, object]:
    variables = variables_of_plugin(folder / "plugin") | {"PJ2_GRES": gres}
    cores = os.cpu_count() or 1
    grouped = ("--jobs", str(runs), "--group-components", f"run={per_job}", "show=10000")
    cluster = Cluster(folder / "slurm", nodes=1, cores=cores)
    try:
        cluster.start()
        before = cluster.seconds_of_controller()
        study = new_study(folder / "on SLURM", runs, variables)
        there = timed(lambda: study.on_slurm(*grouped, *TARGET), study)
        there |= {
            "submitted": len(re.findall("submitted with SLURM jobid", study.printed)),
            "controller": cluster.seconds_of_controller() - before,
            "calls": calls(cluster.run("sdiag")),
        }
    finally:
        cluster.stop()
    study = new_study(folder / "here", runs, {})
    here = timed(lambda: study.start("--cores", str(cores), *TARGET), study)
    what = {"runs": runs, "runs per job": per_job, "gres": gres, "cores": cores}
    return what | {"SLURM": there, "here": here}


def new_study(folder: Path, runs: int, variables: dict[str, str]) -> Study:
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG.format(seeds=", ".join(map(str, range(runs)))))
    return Study(folder, variables)


def timed(start, study: Study) -> dict[str, object]:
    """Wait for a Snakemake; return its seconds, its own processor's, and the whole machine's."""
    began, busy = time.monotonic(), busy_seconds()
    driver: subprocess.Popen[bytes] = start()
    _, status, usage = os.wait4(driver.pid, 0)
    if status:
        sys.exit(study.printed[-4000:])
    return {
        "seconds": round(time.monotonic() - began, 1),
        "driver's processor seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "processor seconds": round(busy_seconds() - busy, 1),
    }


def busy_seconds() -> float:
    """What the machine's cores have computed since it was started."""
    user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def calls(diagnosis: str) -> dict[str, int]:
    """What SLURM's controller was asked, how often."""
    found = re.findall(r"^\s+(REQUEST_\w+)\s.*?count:(\d+)", diagnosis, re.MULTILINE)
    return {name: int(count) for name, count in found}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=int)
    parser.add_argument("--per-job", type=int, default=1, metavar="N")
    parser.add_argument("--gres", default="", metavar="G", help="gpu:1, of which there is one")
    arguments = parser.parse_args()
    if reason := missing():
        sys.exit(f"no SLURM here: {reason}")
    with tempfile.TemporaryDirectory(prefix="pj2-many-") as temporary:
        found = main(**vars(arguments), folder=Path(temporary))
    print(json.dumps(found, indent=2))
