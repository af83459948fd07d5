"""Time and memory of tables and figures for very many, very long runs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.commands import pj2, usage
from benchmarks.measure import Measurement, interleave
from benchmarks.synthetic import write_runs


def measure(repeats: int, rates: int = 500, steps: int = 40_000) -> Iterator[Measurement]:
    """Measure every command that reads all runs, of two models at `rates` learning rates."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        learning_rates = [float(f"{rate:.6g}") for rate in np.logspace(-4, -2, rates)]
        index = write_runs(root, ("VGG_A", "VGG_A_BatchNorm"), learning_rates, [0], steps)
        what = f"{2 * rates:,} runs of {steps:,} steps"
        band = ("--band", root / "band.parquet")
        commands: dict[str, tuple[str | Path, ...]] = {
            "band": ("band", *index, "--output", root / "band.parquet"),
            "figure training-curves": ("figure", "training-curves", *index),
            "figure all-models": ("figure", "all-models", *index),
            "figure landscape": ("figure", "landscape", *index, *band),
            "figure confusion-matrices": ("figure", "confusion-matrices", index[0]),
            "table landscape": ("table", "landscape", *index, *band),
            "table comparison": ("table", "comparison", *index),
            "table summary": ("table", "summary", *index),
            "table pairwise": ("table", "pairwise", *index),
            "table per-class-accuracy": ("table", "per-class-accuracy", *index),
        }
        memory: dict[str, list[float]] = {command: [] for command in commands}

        def run(command: str) -> float:
            arguments = commands[command]
            if command != "band":
                arguments = (*arguments, "--output", root / "shown")
            seconds, megabytes = usage(pj2(*arguments))
            memory[command].append(megabytes)
            return seconds

        variants: dict[str, Callable[[], float]] = {
            command: lambda command=command: run(command)  # type: ignore[misc]
            for command in commands
        }
        variants["band"]()
        memory["band"].clear()
        samples = interleave(variants, repeats)
        yield Measurement("Aggregation", what, "s", samples)
        yield Measurement("Aggregation, greatest memory", what, "MB", memory)
