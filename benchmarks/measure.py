"""Interleaved repeats, and a description of the machine."""

from __future__ import annotations

import os
import platform
import random
import statistics
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

REPOSITORY = Path(__file__).resolve().parents[1]
Variants = Mapping[str, Callable[[], float]]


@dataclass(frozen=True)
class Measurement:
    """Samples of several variants of one thing, taken in turn.

    ``compare`` names pairs of variants whose ratio is of interest: the first over the second,
    sample by sample.
    """

    part: str
    what: str
    unit: str
    samples: dict[str, list[float]]
    compare: list[tuple[str, str]] = field(default_factory=list)

    def ratios(self, one: str, other: str) -> list[float]:
        """Return the ratio of two variants in each repeat."""
        pairs = zip(self.samples[one], self.samples[other], strict=True)
        return [first / second for first, second in pairs]


def interleave(variants: Variants, repeats: int) -> dict[str, list[float]]:
    """Call every variant once per repeat, in a new random order that is the same in every call.

    In a fixed order, one of two variants would always follow the plain loop, which runs in
    another process, and would be slower for it: by 2 % in one case.
    """
    samples: dict[str, list[float]] = {name: [] for name in variants}
    draws = random.Random(0)
    for _ in range(repeats):
        for name in draws.sample(list(variants), len(variants)):
            samples[name].append(variants[name]())
    return samples


def spread(values: list[float]) -> tuple[float, float, float]:
    """Return median, least and greatest."""
    return statistics.median(values), min(values), max(values)


def environment(**variables: str) -> dict[str, str]:
    """Return the variables of a child process that runs this checkout."""
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **variables}


def describe_machine() -> dict[str, Any]:
    """Return the hardware and versions behind the numbers."""
    information = Path("/proc/cpuinfo")
    processor, flags = platform.processor() or platform.machine(), ""
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                processor = value.strip()
            elif key.strip() == "flags":
                flags = value
    known = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {
        "processor": processor,
        "instructions": [name for name in known if name in flags.split()],
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "commit": commit.stdout.strip(),
    }
