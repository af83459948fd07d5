"""Which device a job computes on, and how it is described in the results."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path
from typing import Any

import torch

from pj2.errors import UserError
from pj2.runs.plan import Machine

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h


def choose_device(name: str) -> torch.device:
    """Return the device for ``auto``, ``cpu``, ``cuda`` or ``mps``.

    ``auto`` takes a GPU where there is one. Raises UserError for a device
    that this machine or this build of torch does not have.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    if not available.get(name):
        there = ", ".join(kind for kind, yes in available.items() if yes)
        raise UserError(f"device: {name} is not available here; this machine has {there}")
    return torch.device(name)


def prepare_device(device: torch.device, threads: int) -> None:
    """Make computation on a device repeatable: thread count, algorithms, denormals.

    The number of threads changes the order of sums and so the last bits of a
    result; it is fixed here and recorded.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    _keep_freed_memory()
    # On a GPU torch warns of an operation that has no deterministic form, and does not refuse it.
    # torch.use_deterministic_algorithms does the same, but imports the compiler.
    torch.set_deterministic_debug_mode("error" if device.type == "cpu" else "warn")
    # Filling fresh memory would cost time and change no result.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if device.type == "cuda":
        # cuBLAS needs this to be deterministic, and reads it when it starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False


def describe_device(device: torch.device) -> dict[str, Any]:
    """Return the device, its name, its instruction set and the thread count, for `run.json`.

    All of them decide the last digits, and `auto_precision` reads them. A virtual
    processor's name may hide its generation, which its instruction sets show.
    """
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        capability = "compute {}.{}".format(*torch.cuda.get_device_capability(device))
    else:
        name, capability = _processor_name(), _instruction_sets()
    return {
        "device": device.type,
        "name": name,
        "capability": capability,
        "threads": torch.get_num_threads(),
    }


def describe_machine(device: torch.device) -> Machine:
    """Return the hardware and the torch version, which decide a result's last digits."""
    return Machine(describe_device(device), torch.__version__)


def _keep_freed_memory() -> None:
    """Make glibc keep freed memory for the next step; do nothing with another C library.

    By default glibc returns every large tensor's memory to the kernel, which then
    clears tens of thousands of pages in each step.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def _instruction_sets() -> str:
    """Return the instruction sets of torch's kernels and oneDNN's for bfloat16: ``AVX512 AMX``."""
    names = [torch.backends.cpu.get_cpu_capability()]
    # bfloat16 is unsupported where ONEDNN_MAX_CPU_ISA forbids what the processor has.
    if torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported():
        has = {
            "AVX512_BF16": torch.cpu._is_avx512_bf16_supported(),
            "AMX": torch.cpu._is_amx_tile_supported(),
        }
        names += [name for name, there in has.items() if there]
    return " ".join(names)


def _processor_name() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
