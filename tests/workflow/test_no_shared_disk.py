"""Machines that share a bucket and no disk: the store behind theirs, or all results in it."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.workflow.clones import SHORT, SHORT_RUN, TRAINING, exact_digests, new_study, trained

pytestmark = pytest.mark.workflow


def test_what_one_machine_trained_another_restores_from_the_bucket(tmp_path, s3_options):
    remote = f"s3://pj2-runs/machines?{s3_options}"
    one, two = (new_study(tmp_path / name, SHORT) for name in ("one", "two"))
    one.run(*TRAINING, PJ2_STORE_REMOTE=remote)
    assert trained(one) == {"BasicCNN 0.001"}
    two.run(*TRAINING, PJ2_STORE_REMOTE=remote)
    assert trained(two) == set()
    assert "restored from the store and verified" in two.log("short", "BasicCNN", "0.001")
    assert exact_digests(two.folder / SHORT_RUN) == exact_digests(one.folder / SHORT_RUN)


@pytest.mark.skipif(
    not find_spec("snakemake_storage_plugin_s3"), reason="needs snakemake-storage-plugin-s3"
)
def test_results_in_a_bucket(tmp_path, s3_options):
    """A figure has the files that it reads beside run.json; another machine has nothing to do."""
    endpoint = f"http://{parse_qs(s3_options)['endpoint_override'][0]}"
    flags = (
        *("--default-storage-provider", "s3", "--default-storage-prefix", "s3://pj2-runs/results"),
        *("--storage-s3-endpoint-url", endpoint),
    )
    targets = ("filter_grids", "training_curves", "results/tiny/tables/summary.md")
    # The plugin may lie beside the environment, which the study's own variables would hide.
    plugin = Path(find_spec("snakemake_storage_plugin_s3").origin).parents[1]
    variables = {"PYTHONPATH": os.fspath(plugin)}
    one, two = (new_study(tmp_path / name, SHORT) for name in ("one", "two"))
    one.run(*targets, *flags, **variables)
    assert not (one.folder / SHORT_RUN / "run.json").exists()
    assert "Nothing to be done" in two.run(*targets, *flags, **variables)
