"""The cores and memory that this process may use, within the limits of the machine or container."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def allowed_cores() -> int:
    """Return the number of cores that the kernel grants this process: Snakemake's ``all``."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def core_quota() -> float | None:
    """Return a cgroup's limit of processor time, in cores; None without a limit."""
    quotas = []
    for folder in _cgroups("cpu"):
        with suppress(OSError, ValueError):  # version 2: "max 100000" or "200000 100000"
            quota, period = (folder / "cpu.max").read_text().split()
            quotas.append(int(quota) / int(period))
        with suppress(OSError, ValueError):  # version 1: -1 is no limit
            granted = int((folder / "cpu.cfs_quota_us").read_text())
            if granted > 0:
                quotas.append(granted / int((folder / "cpu.cfs_period_us").read_text()))
    return min(quotas, default=None)


def usable_cores() -> int:
    """Return how many single-threaded runs can compute at full speed at once."""
    quota = core_quota()
    return allowed_cores() if quota is None else max(1, min(allowed_cores(), math.floor(quota)))


def usable_memory() -> int:
    """Return the bytes of memory that are available now.

    What a control group uses includes copies of files, which the kernel drops when memory is short.
    """
    free: list[int] = [psutil.virtual_memory().available]
    for folder in _cgroups("memory"):
        for limit, used, copies in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            with suppress(OSError, ValueError):  # "max" is not a number
                most, now = (int((folder / name).read_text()) for name in (limit, used))
                free.append(most - now + _statistic(folder / "memory.stat", copies))
    return max(0, min(free))


def _statistic(path: Path, name: str) -> int:
    """Return a number of a control group's statistics; 0 if it is not there."""
    with suppress(OSError, ValueError):
        return int(dict(line.split() for line in path.read_text().splitlines()).get(name, 0))
    return 0


def _cgroups(controller: str) -> Iterator[Path]:
    """Yield the folders of this process's control groups, and of those above them."""
    with suppress(OSError):
        for line in _MEMBERSHIP.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            root = CGROUPS / controller if controllers else CGROUPS
            place = root / path.strip("/")
            while place != root:
                yield place
                place = place.parent
            yield root  # in a container this is its own group, whatever `path` is
