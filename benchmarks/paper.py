"""The whole published study on a GPU. $PJ2_DATA may name a folder with CIFAR-10 in Parquet."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

from benchmarks.commands import SNAKEFILE, snakemake, timed
from benchmarks.measure import REPOSITORY, Measurement


def measure() -> Iterator[Measurement]:
    """Run config/paper.yaml to its figures, once, data preparation included."""
    with tempfile.TemporaryDirectory() as folder:
        config = str(REPOSITORY / "config" / "paper.yaml")
        source = ["--config", "dataset={source: parquet}"] if os.environ.get("PJ2_DATA") else []
        command = snakemake(
            SNAKEFILE, "--directory", folder, "--configfile", config, *source, "--", "all"
        )
        samples = {"`snakemake all`": [timed(command)]}
        yield Measurement("The published study", "11 runs, 60,000 images", "s", samples)
