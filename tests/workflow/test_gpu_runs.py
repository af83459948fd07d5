"""A study on a machine with made-up GPUs: which run is on which, and how many at once."""

from __future__ import annotations

import pytest

from pj2.cluster.gpus import _torch_has_cuda
from tests.workflow.clones import new_study

STUDY = """\
study: tiny
gpus: {gpus}
runs_per_gpu: 1
dataset:
  source: sample
  limit: {{train: 100, test: 20}}
experiments:
  many:
    models: [BasicCNN]
    learning_rates: [1e-3]
    seeds: [0, 1, 2]
    batch_size: 32
    epochs: 1
    precision: fp32
"""

needs_cuda_build = pytest.mark.skipif(
    not _torch_has_cuda(), reason="this build of torch has no CUDA, and so no GPU is looked for"
)


@needs_cuda_build
def test_each_run_is_given_a_gpu_and_no_more_run_at_once(tmp_path, nvidia_smi):
    """torch finds no GPU behind the made-up driver, so the runs themselves use the CPU."""
    nvidia_smi("GPU-aa", "GPU-bb", "GPU-cc")
    study = new_study(tmp_path, STUDY.format(gpus="[0, 2]"))
    study.run("--cores", "4", "--until", "train")
    logs = study.folder.glob("results/tiny/logs/train/many/BasicCNN/lr=0.001/*.log")
    first = [log.read_text().splitlines()[0] for log in logs]
    assert len(first) == 3
    # A third at once would have said that it waits.
    assert set(first) == {"on GPU 0 (GPU-aa)", "on GPU 2 (GPU-cc)"}
    finished = study.run("--cores", "4", "-n", "--until", "train", "--config", "gpus=[1]")
    assert "rule train:" not in finished, "which GPU made a run is no part of it"


@needs_cuda_build
def test_a_gpu_that_is_not_there_ends_snakemake_with_one_line(tmp_path, nvidia_smi):
    nvidia_smi("GPU-aa")
    study = new_study(tmp_path, STUDY.format(gpus="[1]"))
    result = study.snakemake("-n")
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == "gpus: there is no GPU 1 to use here; there is 0"
    assert "Traceback" not in result.stdout


def test_without_gpus_nothing_is_limited(tmp_path):
    study = new_study(tmp_path, STUDY.format(gpus="auto"))
    assert "gpu_slot=1" not in study.run("-n", "--until", "train")
