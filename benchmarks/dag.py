"""The time that Snakemake takes to plan a study, against a bare workflow with the same jobs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.commands import SNAKEFILE, empty, snakemake, timed
from benchmarks.measure import Measurement, interleave

DEFAULT_JOBS = 94  # of the default study
_MODELS = ("BasicCNN", "ImprovedCNN", "ResidualCNN", "VGG_A", "VGG_A_BatchNorm")
_BARE = """\
RUNS = range({runs})
FILES = ["best", "last", "steps", "epochs", "predictions", "run"]
rule all:
    input: expand("run/{{run}}/run", run=RUNS)
rule data:
    output: "data"
    shell: "touch {{output}}"
rule train:
    input: "data"
    output: expand("run/{{{{run}}}}/{{name}}", name=FILES)
    params: settings=lambda wildcards: wildcards.run
    shell: "touch {{output}}"
"""


def measure(repeats: int, sizes: tuple[int, ...] = (10, 100, 1000, 5000)) -> Iterator[Measurement]:
    """Plan studies of increasing size, without any finished run."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for runs in sizes:
            ours = write_study(root / f"ours{runs}", runs)
            bare = write_bare(root / f"bare{runs}", runs)
            plan = snakemake(SNAKEFILE, "-n", "-q", "all", "--directory", str(ours))
            samples = interleave(
                {
                    "ours": partial(timed, plan),
                    "bare Snakefile": partial(
                        timed, snakemake(bare, "-n", "-q", "all"), bare.parent
                    ),
                },
                repeats if runs <= 1000 else 1,
            )
            compare = [("ours", "bare Snakefile")]
            yield Measurement("Planning, `snakemake -n`", f"{runs:,} runs", "s", samples, compare)


def write_study(folder: Path, runs: int) -> Path:
    """Write a config with `runs` runs, a multiple of ten: five models, two rates, all seeds."""
    empty(folder)
    experiment = {"models": list(_MODELS), "learning_rates": [1e-3, 1e-4],
                  "seeds": list(range(runs // 10))}  # fmt: skip
    (folder / "config.yaml").write_text(
        json.dumps({"study": "bench", "experiments": {"e": experiment}})
    )
    return folder


def write_bare(folder: Path, jobs: int) -> Path:
    """Write a Snakefile with `jobs` jobs that only touch files."""
    (empty(folder) / "Snakefile").write_text(_BARE.format(runs=jobs))
    return folder / "Snakefile"
