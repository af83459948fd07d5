"""The time of everything that runs before training starts."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.commands import SNAKEFILE, empty, pj2, snakemake, timed
from benchmarks.dag import DEFAULT_JOBS, write_bare
from benchmarks.measure import REPOSITORY, Measurement, interleave
from benchmarks.workload import settings_of, write_prepared
from pj2.data.open import open_prepared

_PART = "Start-up"
_IMPORTS = ("torch", "safetensors.torch", "pyarrow.parquet", "rich.progress", "pydantic", "typer")


def measure(repeats: int) -> Iterator[Measurement]:
    """Measure commands against the start-up time of the tools that they use."""
    python = sys.executable
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        bare = write_bare(root / "bare", DEFAULT_JOBS)
        default = empty(root / "default")
        samples = interleave(
            {
                "`pj2 --help`": lambda: timed(pj2("--help")),
                "`python -c 'import typer'`": lambda: timed([python, "-c", "import typer"]),
            },
            repeats,
        )
        yield Measurement(_PART, "help", "s", samples)
        config = str(REPOSITORY / "config.yaml")
        ours = ("-n", "--directory", str(default), "--configfile", config)
        samples = interleave(
            {
                "`snakemake -n`, default study": lambda: timed(snakemake(SNAKEFILE, *ours)),
                f"`snakemake -n`, bare, {DEFAULT_JOBS} jobs": lambda: timed(
                    snakemake(bare, "-n"), bare.parent
                ),
            },
            repeats,
        )
        yield Measurement(_PART, "plan", "s", samples)

        data = write_prepared(root / "data", 50_000, 10_000)

        def opening() -> float:
            started = time.perf_counter()
            open_prepared(data)
            return time.perf_counter() - started

        samples = interleave({"opened, mapped and its hash checked": opening}, repeats)
        yield Measurement(_PART, "60,000 prepared images", "s", samples)

        few = write_prepared(root / "few", 300, 100)
        samples = interleave(
            {
                "job less its epoch": lambda: _job(root, few),
                "bare import of what it uses": lambda: timed(
                    [python, "-c", f"import {', '.join(_IMPORTS)}"]
                ),
            },
            repeats,
        )
        yield Measurement(_PART, "training job, VGG_A", "s", samples)


def _job(root: Path, data: Path) -> float:
    """Return the seconds of a training job outside its epoch."""
    settings = settings_of("VGG_A").model_copy(update={"epochs": 1})
    output, store = empty(root / "run"), empty(root / "store")
    command = pj2(
        "train", "--settings", settings.canonical(), "--data", data, "--output", output,
        "--store", store,
    )  # fmt: skip
    seconds = timed(command)
    return seconds - float(json.loads((output / "run.json").read_text())["seconds"])
