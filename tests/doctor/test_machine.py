"""What is said of devices, precision and cores, with made-up drivers and limits."""

from __future__ import annotations

import pytest
import torch

from pj2.doctor import limits
from pj2.doctor.machine import check_cores, check_device, check_precision, check_torch
from pj2.training import device

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")


@no_gpu
def test_without_a_gpu_all_is_well(subject):
    (finding,) = check_torch(subject("device: cpu", "device: auto"))
    assert finding.status == "ok"
    assert "no GPU here" in finding.found


@no_gpu
@pytest.mark.parametrize(("device", "status"), [("auto", "warning"), ("cuda", "problem")])
def test_a_gpu_that_a_cpu_build_cannot_use(subject, nvidia_smi, monkeypatch, device, status):
    nvidia_smi("GPU-1")
    monkeypatch.setattr(torch.version, "cuda", None)
    (finding,) = check_torch(subject("device: cpu", f"device: {device}"))
    assert finding.status == status
    assert "this build cannot use" in finding.found
    assert "pytorch.org" in finding.advice


@no_gpu
def test_a_gpu_whose_driver_cuda_does_not_start_on(subject, nvidia_smi, monkeypatch):
    nvidia_smi("GPU-1")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.version, "cuda", "13.0")

    def too_old():
        raise RuntimeError("The NVIDIA driver on your system is too old")

    monkeypatch.setattr(torch.cuda, "init", too_old)
    (finding,) = check_torch(subject())
    assert finding.status == "warning"
    assert "driver on your system is too old" in finding.found


@no_gpu
def test_gpus_that_a_variable_hides(subject, nvidia_smi, monkeypatch):
    nvidia_smi("GPU-1")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (finding,) = check_torch(subject())
    assert finding.status == "warning"
    assert "unset CUDA_VISIBLE_DEVICES" in finding.advice


@no_gpu
def test_a_device_that_is_not_there(subject):
    (finding,) = check_device(subject("device: cpu", "device: cuda"))
    assert finding.status == "problem"
    assert "device: auto" in finding.advice
    assert list(check_precision(subject("device: cpu", "device: cuda"))) == []


@pytest.mark.parametrize(("sets", "comes_to"), [("AVX512", "fp32"), ("AVX512 AMX", "bf16")])
def test_what_auto_comes_to(subject, monkeypatch, sets, comes_to):
    monkeypatch.setattr(device, "_instruction_sets", lambda: sets)
    (finding,) = check_precision(subject())
    assert finding.status == "ok"
    assert f"({sets}); precision: auto is {comes_to}" in finding.found


def test_bfloat16_where_there_is_none(subject, monkeypatch):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False, raising=False)
    (finding,) = check_precision(subject("epochs: 3", "epochs: 3, precision: bf16"))
    assert finding.status == "warning"


@pytest.fixture
def cgroup(tmp_path, monkeypatch):
    """A machine of 8 cores whose control groups are files of the test."""
    root = tmp_path / "cgroup"
    membership = tmp_path / "membership"
    monkeypatch.setattr(limits, "CGROUPS", root)
    monkeypatch.setattr(limits, "_MEMBERSHIP", membership)
    monkeypatch.setattr(limits.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)

    def write(line, **files):
        membership.write_text(line + "\n")
        for name, content in files.items():
            path = root / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content + "\n")

    return write


def test_cores_without_a_limit(subject, cgroup):
    cgroup("0::/", cpu_dot_max="max 100000")
    (finding,) = check_cores(subject("store: store", "store: store\nthreads: 3"))
    assert finding.status == "ok"
    assert "starts 2 runs at a time" in finding.found


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ("0::/job/step", {"job__cpu_dot_max": "250000 100000"}),
        (
            "4:cpu,cpuacct:/job",
            {"cpu__job__cpu.cfs_quota_us": "250000", "cpu__job__cpu.cfs_period_us": "100000"},
        ),
    ],
)
def test_a_container_that_grants_fewer_cores(subject, cgroup, line, files):
    cgroup(line, **files)
    finding, threads = check_cores(subject("store: store", "store: store\nthreads: 4"))
    assert finding.status == "warning"
    assert "use only 2.5" in finding.found
    assert "--cores 2" in finding.advice
    assert (threads.status, threads.what) == ("warning", "threads")


def test_memory_is_a_containers_where_that_is_less(cgroup):
    cgroup("0::/job", job__memory_dot_max="3000000", job__memory_dot_current="1000000")
    assert limits.usable_memory() == 2_000_000


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ("0::/job", {"job__memory_dot_max": "3000000", "job__memory_dot_current": "2900000"}),
        (
            "9:memory:/job",
            {
                "memory__job__memory_dot_limit_in_bytes": "3000000",
                "memory__job__memory_dot_usage_in_bytes": "2900000",
            },
        ),
    ],
)
def test_the_files_that_the_kernel_keeps_in_memory_are_as_good_as_free(cgroup, line, files):
    """Of version 1, inactive_file is one group's alone; total_inactive_file has those below."""
    place = next(iter(files)).rpartition("__")[0]
    kept = "anon 900000\ninactive_file 1900000\nactive_file 100000"
    if line.startswith("9"):
        kept = "inactive_file 5\n" + kept.replace("inactive_file", "total_inactive_file")
    cgroup(line, **files, **{f"{place}__memory_dot_stat": kept})
    assert limits.usable_memory() == 2_000_000
