"""Checks of the machine: torch's devices, precision, and cores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pj2.cluster.gpus import nvidia_smi
from pj2.doctor.finding import Finding, Status, Subject, count
from pj2.doctor.limits import allowed_cores, core_quota, usable_cores
from pj2.errors import UserError

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_AMD_DEVICE = Path("/dev/kfd")
_INSTALL = "see https://pytorch.org/get-started for the build that fits this machine"


def check_torch(subject: Subject) -> Iterator[Finding]:
    """Check torch's build, the devices that it finds, and whether the two match."""
    import torch

    build = f"torch {torch.__version__} ({_build()})"
    device = subject.study.device if subject.study else "auto"
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(each) for each in range(torch.cuda.device_count())]
        yield Finding("ok", "torch", f"{build}; {count(len(names), 'GPU')}: {', '.join(names)}")
    elif mismatch := _mismatch():
        found, advice = mismatch
        status: Status = "problem" if device == "cuda" else "warning"
        yield Finding(status, "torch", f"{build}; {found}", advice)
    elif torch.backends.mps.is_available():
        yield Finding("ok", "torch", f"{build}; Apple's GPU")
    else:
        yield Finding("ok", "torch", f"{build}; no GPU here, runs compute on the CPU")


def check_device(subject: Subject) -> Iterator[Finding]:
    """Check that the device and the GPUs named in the config exist."""
    from pj2.cluster.gpus import find_gpus
    from pj2.training.device import choose_device

    study = subject.study
    if study is None:
        return
    try:
        chosen = choose_device(study.device).type
    except UserError as error:
        yield Finding("problem", "device", str(error), "device: auto in the config")
        return
    gpus = find_gpus(study.gpus)
    found = f"device: {study.device} is {chosen} here"
    if gpus:
        found += f"; {count(study.runs_per_gpu, 'run')} on each of {count(len(gpus), 'GPU')}"
    elif chosen == "cuda":
        found += "; nvidia-smi lists no GPU, so all jobs use the first one"
    yield Finding("ok", "device", found)


def check_precision(subject: Subject) -> Iterator[Finding]:
    """Report what ``precision: auto`` means here, and check that a requested bf16 is available."""
    from pj2.runs.precision import auto_precision
    from pj2.training.device import choose_device, describe_device

    study, runs = subject.study, subject.runs
    try:
        device = choose_device(study.device if study else "auto")
    except UserError:
        return  # check_device reports it
    hardware = describe_device(device)
    processor = f"{hardware['name']} ({hardware['capability']})"
    if any(run.settings.precision == "bf16" for run in runs) and not _has_bfloat16(device.type):
        yield Finding(
            "warning",
            "precision",
            f"bf16 is requested, but {processor} lacks it: it is emulated or refused",
            "precision: auto, or fp32",
        )
    else:
        yield Finding(
            "ok", "precision", f"{processor}; precision: auto is {auto_precision(hardware)}"
        )


def check_cores(subject: Subject) -> Iterator[Finding]:
    """Check that the runs that Snakemake starts at once fit the available cores."""
    there, usable, quota = allowed_cores(), usable_cores(), core_quota()
    threads = subject.study.threads if subject.study else 1
    if usable < there:
        yield Finding(
            "warning",
            "cores",
            f"{there}, but this container or job may use only {quota:g}; "
            f"Snakemake's `cores: all` would start runs for {there}",
            f"snakemake --cores {usable} all",
        )
    else:
        at_once = max(1, usable // threads)
        found = (
            f"{usable}; with threads: {threads} Snakemake starts {count(at_once, 'run')} at a time"
        )
        yield Finding("ok", "cores", found)
    if threads > usable:
        yield Finding(
            "warning",
            "threads",
            f"threads: {threads}, but {usable} cores: Snakemake gives a run {usable} threads, or "
            "threads compete for cores if --cores is greater",
            f"threads: 1, or at most {usable}, in the config; one thread per run is fastest",
        )


def _build() -> str:
    import torch

    if torch.version.cuda:
        return f"CUDA {torch.version.cuda}"
    return f"ROCm {torch.version.hip}" if torch.version.hip else "CPU only"


def _mismatch() -> tuple[str, str] | None:
    """Return why a GPU here cannot be used, and the remedy; None if there is none."""
    import torch

    listed = nvidia_smi("index,name,driver_version", timeout=30)
    if listed and not torch.version.cuda:
        return f"a GPU is present ({listed[0]}), but this build cannot use it", _INSTALL
    if listed and os.environ.get(_VISIBLE) is not None:
        shown = os.environ[_VISIBLE]
        return f"{_VISIBLE}={shown!r} hides the GPUs", f"unset {_VISIBLE}, or name one of them"
    if listed:
        try:
            torch.cuda.init()
            reason = "no reason given"
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
        return f"a GPU is present ({listed[0]}), but CUDA does not start: {reason}", (
            "update NVIDIA's driver, or install torch for an older CUDA; " + _INSTALL
        )
    if _AMD_DEVICE.exists():
        if not torch.version.hip:
            return "an AMD GPU is present, but this build cannot use it", _INSTALL
        return (
            "an AMD GPU is present, but torch cannot open it",
            f"let this user read and write {_AMD_DEVICE}: groups render and video",
        )
    return None


def _has_bfloat16(device: str) -> bool:
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
