"""Probes, surfaces and curvature as jobs: what is made, and what a change makes again."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

from pj2.config.load import load_study
from pj2.config.study import list_runs
from tests.helpers.repository import REPOSITORY
from tests.workflow.clones import new_study

pytestmark = pytest.mark.workflow

CONFIG = """\
study: tiny
dataset:
  source: sample
  limit: {train: 100, test: 20}
experiments:
  around:
    models: [BasicCNN]
    learning_rates: [1e-3, 2e-3]
    batch_size: 32
    epochs: 1
    precision: fp32
    surface: {points: 5, line_points: 5, images: 10, split: validation, rows_per_job: 2}
    curvature: {images: 10, eigenvalues: 1, vectors: 2, lanczos_steps: 3}
  along:
    models: [BasicCNN]
    learning_rates: [1e-2]
    optimizer: {name: sgd}
    batch_size: 32
    epochs: 1
    precision: fp32
    probe: {every: 2, steps: 2, covariate_shift: true}
"""
FIGURES = ("gradient_probes", "loss_surfaces", "curvature")
AROUND = "results/tiny/geometry/experiment=around/model=BasicCNN"
ALONG = "results/tiny/runs/experiment=along/model=BasicCNN/lr=0.01/seed=0"


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    study = new_study(tmp_path_factory.mktemp("geometry"), CONFIG)
    study.run(*FIGURES)
    return study


def changed(study, old: str, new: str) -> list[str]:
    assert CONFIG.count(old) == 1
    path = study.folder / "changed.yaml"
    path.write_text(CONFIG.replace(old, new))
    return ["--configfile", str(path), "--", *FIGURES]


def test_everything_is_there_and_a_second_run_does_nothing(measured):
    results = measured.folder / "results" / "tiny"
    expected = [
        *(f"figures/gradient_probes/along.{ending}" for ending in ("png", "svg")),
        *(f"figures/covariate_shift/along.{ending}" for ending in ("png", "svg")),
        *(f"figures/loss_surfaces/around.{ending}" for ending in ("png", "svg", "html")),
        *(f"figures/loss_lines/around.{ending}" for ending in ("png", "svg")),
        *(f"figures/curvature/around.{ending}" for ending in ("png", "svg")),
        *(f"tables/gradient_probes/along.{ending}" for ending in ("csv", "md", "tex")),
        *(f"tables/probe_ratios/along.{ending}" for ending in ("csv", "md", "tex")),
        *(f"tables/curvature/around.{ending}" for ending in ("csv", "md", "tex")),
    ]
    assert [name for name in expected if not (results / name).stat().st_size] == []
    assert measured.planned(*FIGURES) == {}


def test_the_surfaces_centre_is_the_loss_in_the_runs_record(measured):
    surface = pd.read_parquet(measured.folder / AROUND / "surface.parquet")
    described = pd.read_parquet(measured.folder / AROUND / "line.parquet")
    assert len(surface) == 25
    centre = surface[(surface.alpha == 0) & (surface.beta == 0)].iloc[0]
    recorded = []
    for folder in (measured.folder / "results/tiny/runs/experiment=around").glob("*/*/*"):
        info = json.loads((folder / "run.json").read_text())
        epochs = pd.read_parquet(folder / "epochs.parquet")
        recorded.append(epochs.val_loss[info["best_epoch"]])
    assert centre.loss in [pytest.approx(loss, rel=1e-9) for loss in recorded]
    assert described.loss[2] == centre.loss


def test_a_grid_goes_on_with_the_rows_that_it_lacks_or_that_were_edited(measured):
    surface = measured.folder / AROUND / "surface.parquet"
    first, second, third = (
        measured.folder / AROUND / "surface" / f"first={row}.parquet" for row in (0, 2, 4)
    )
    files = (surface, first, second, third)
    contents = [path.read_bytes() for path in files]
    surface.unlink()
    second.unlink()
    shutil.copy(first, third)
    assert measured.planned(f"{AROUND}/surface.parquet") == {"surface_rows": 2, "surface": 1}
    measured.run(f"{AROUND}/surface.parquet")
    assert [path.read_bytes() for path in files] == contents


def test_what_was_measured_is_restored(measured):
    folder = measured.folder / AROUND
    logs = measured.folder / "results/tiny/logs/geometry/around/BasicCNN"
    contents = {path: path.read_bytes() for path in folder.rglob("*.*")}
    shutil.rmtree(folder)
    shutil.rmtree(logs)
    measured.run(*(str(path.relative_to(measured.folder)) for path in contents))
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == contents
    measurements = [path for path in logs.glob("*.log") if path.name != "surface.log"]
    assert len(measurements) >= 5
    for log in measurements:
        assert "restored from the store and verified" in log.read_text(), log.name


@pytest.mark.parametrize(
    ("old", "new", "jobs"),
    [
        (
            "points: 5, line_points",
            "points: 7, line_points",
            {"surface_rows": 4, "surface_line": 1},
        ),
        ("lanczos_steps: 3", "lanczos_steps: 4", {"hessian": 1}),
        ("every: 2", "every: 1", {"train_with_probes": 1}),
    ],
)
def test_a_changed_section_measures_that_again_and_trains_nothing_else(measured, old, new, jobs):
    planned = measured.planned(*changed(measured, old, new))
    costly = {"train", "train_with_probes", "surface_rows", "surface_line", "hessian"}
    assert {name: count for name, count in planned.items() if name in costly} == jobs


def test_damaged_probes_are_noticed_and_restored(measured):
    probes = measured.folder / ALONG / "probes.parquet"
    content = probes.read_bytes()
    probes.write_bytes(content[:-4] + b"junk")
    text = measured.run(*FIGURES)
    assert "probes.parquet is damaged" in text
    log = measured.folder / "results/tiny/logs/train/along/BasicCNN/lr=0.01/seed=0.log"
    assert "restored from the store" in log.read_text()
    assert probes.read_bytes() == content


def test_a_mistake_in_a_section_is_a_line(measured):
    for old, new, words in [
        ("{points: 5, line", "{points: 6, line", "experiments.around.surface: "),
        ("every: 2,", "evry: 2,", "experiments.along.probe.evry: unknown key (did you mean every"),
        ("steps: 2,", "steps: 2, range: [4, 1],", "experiments.along.probe.range"),
    ]:
        result = measured.snakemake("--cores", "1", *changed(measured, old, new)[:-3])
        assert result.returncode == 2
        assert f"changed.yaml: {words}" in result.stderr
        assert "Traceback" not in result.stdout + result.stderr


def test_studies_without_such_sections_have_the_targets_and_nothing_to_do(study):
    for target in FIGURES:
        assert study.planned(target) == {target: 1}  # the name, and no job behind it


def test_the_published_protocol_is_a_config_of_its_own(measured):
    path = REPOSITORY / "config" / "batchnorm.yaml"
    jobs = measured.planned("--configfile", str(path), "--", "gradient_probes")
    probed = [run for run in list_runs(load_study(path)) if run.settings.probe]
    assert jobs["train_with_probes"] == len(probed) > 0
    assert jobs["figure_of_experiment"] == 6  # of probes in four; of shift and moments in one
