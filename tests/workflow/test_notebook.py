"""What ``import pj2`` gives, on a study that snakemake finished."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import pj2
from pj2.errors import UserError
from tests.helpers.repository import REPOSITORY
from tests.workflow.study import Study

pytestmark = pytest.mark.workflow


@pytest.fixture
def runs(study: Study, monkeypatch: pytest.MonkeyPatch) -> pj2.Runs:
    monkeypatch.chdir(study.folder)
    return pj2.load_runs("results/tiny")


def test_the_tables_hold_what_the_files_of_the_runs_do(runs: pj2.Runs, study: Study) -> None:
    assert len(runs.runs) == len(study.run_folders()) == 6
    one = runs.where(experiment="landscape", model="VGG_A", learning_rate=1e-3)
    (record,) = one.records
    for table, file, column in ((one.steps, "steps", "loss"), (one.epochs, "epochs", "val_loss")):
        written = pd.read_parquet(record.folder / f"{file}.parquet")
        assert np.array_equal(table[column], written[column])
        assert set(table["model"]) == {"VGG_A"}
    accuracy = (one.predictions["label"] == one.predictions["predicted"]).mean()
    assert one.runs["test_accuracy"].item() == pytest.approx(accuracy)
    lost = runs.where(learning_rate=1e12)
    assert lost.runs["status"].item() == "diverged"


def test_a_band_is_the_least_and_the_greatest_of_the_steps(runs: pj2.Runs) -> None:
    landscape = runs.where(experiment="landscape")
    band = pj2.band(landscape).set_index(["model", "step"])
    by_step = landscape.steps.groupby(["model", "step"]).loss
    assert np.array_equal(band["min"].sort_index(), by_step.min().sort_index())
    assert np.array_equal(band["max"].sort_index(), by_step.max().sort_index())
    with pytest.raises(UserError, match="expected one experiment"):
        pj2.band(runs)


def test_a_loaded_network_recognises_what_the_run_did(runs: pj2.Runs, study: Study) -> None:
    from pj2.data.open import open_prepared

    (record,) = runs.where(experiment="landscape", model="VGG_A", learning_rate=1e-3).records
    network = pj2.load_model(record)
    assert not network.training
    data = open_prepared(next((study.folder / "results" / "data").iterdir()))
    with torch.no_grad():
        logits = network(data.test.inputs(data.test.images))
    guesses = runs.where(experiment="landscape", model="VGG_A", learning_rate=1e-3).predictions
    assert [data.classes[label] for label in logits.argmax(1)] == list(guesses["predicted"])


def test_what_is_not_there_is_a_line(runs: pj2.Runs) -> None:
    with pytest.raises(UserError, match="results/none: holds no finished runs"):
        pj2.load_runs("results/none")
    with pytest.raises(UserError, match="where: lr: unknown key"):
        runs.where(lr=1e-3)
    with pytest.raises(AttributeError):
        _ = pj2.load_run


def test_importing_pj2_imports_nothing_else() -> None:
    code = "import pj2, sys; print({'torch', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert done.stdout == "set()\n"


def test_the_example_of_the_docs_runs(study: Study, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    shutil.copytree(study.folder / "results" / "tiny", tmp_path / "results" / "tiny")
    (tmp_path / "results" / "default").symlink_to("tiny")
    page = (REPOSITORY / "docs" / "notebook.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, text=True, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "VGG_A_BatchNorm" in done.stdout
