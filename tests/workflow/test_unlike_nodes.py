"""`precision: auto` where the machine that plans and those that compute are not of one kind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pj2.training import device
from tests.workflow.clones import SHORT, SHORT_RUN, TRAINING, exact_digests, new_study, trained

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.skipif("AMX" in device._instruction_sets(), reason="this processor has AMX"),
]

AUTO = SHORT.replace("precision: fp32", "precision: auto")
WITH_AMX = {"PYTHONPATH": str(Path(__file__).with_name("with_amx"))}


def used(study) -> str:
    return json.loads((study.folder / SHORT_RUN / "run.json").read_text())["precision"]["used"]


def test_what_a_node_with_amx_made_is_current_and_restored_without_it(tmp_path):
    study = new_study(tmp_path, AUTO)
    study.run(*TRAINING, **WITH_AMX)
    assert used(study) == "bf16"
    made = exact_digests(study.folder / SHORT_RUN)
    assert study.planned_runs() == set()  # this machine, which plans, would compute in fp32
    shutil.rmtree(study.folder / "results" / "tiny")
    study.run(*TRAINING)
    assert trained(study) == set()
    assert exact_digests(study.folder / SHORT_RUN) == made

    # Asked for by name, it is another run, and there are then two.
    (study.folder / "config.yaml").write_text(SHORT)
    study.run(*TRAINING)
    assert used(study) == "fp32"
    assert exact_digests(study.folder / SHORT_RUN) != made
    (study.folder / "config.yaml").write_text(AUTO)
    study.run(*TRAINING)
    assert used(study) == "fp32"  # of two that are finished, this machine's own
    assert study.planned_runs() == set()
