"""From a clean folder to every table and figure, and what a change makes again."""

from __future__ import annotations

import json
import re

import pandas as pd
import pyarrow.dataset as ds
import pytest

from tests.helpers.repository import REPOSITORY

pytestmark = pytest.mark.workflow


def test_every_artifact_is_there(study):
    results = study.folder / "results" / "tiny"
    cells = [
        ("comparison", "BasicCNN"),
        ("landscape", "VGG_A"),
        ("landscape", "VGG_A_BatchNorm"),
    ]
    expected = [
        *(
            f"tables/{table}"
            for table in (
                "comparison", "summary", "per_class_accuracy", "confused_pairs", "calibration",
                "efficiency", "published",
            )
        ),
        *(f"tables/landscape/{experiment}" for experiment in ("comparison", "landscape")),
        "tables/pairwise/landscape",
    ]  # fmt: skip
    expected = [f"{stem}.{ending}" for stem in expected for ending in ("csv", "md", "tex", "html")]
    figures = [
        "all_models",
        "efficiency",
        "differences/landscape",
        *(
            f"{kind}/{e}"
            for kind in ("landscape", "training_curves", "reliability")
            for e, _ in cells
        ),
        *(
            f"{kind}/{experiment}/{model}"
            for kind in ("confusion_matrices", "filter_grids", "training_curves", "mistakes")
            for experiment, model in cells
        ),
    ]
    expected += [f"figures/{stem}.{ending}" for stem in figures for ending in ("png", "svg")]
    expected += ["report.html", "findings.md"]
    missing = [name for name in expected if not (results / name).stat().st_size]
    assert missing == []
    runs = sorted(results.glob("runs/*/*/*/*/run.json"))
    assert len(runs) == 6
    for run in runs:
        names = {path.name for path in run.parent.iterdir()}
        assert names == {
            "best.safetensors",
            "last.safetensors",
            "steps.parquet",
            "epochs.parquet",
            "run.json",
            "predictions.parquet",
        }


def test_a_second_run_does_nothing(study):
    result = study.snakemake("--cores", "2", "all")
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout + result.stderr
    results = study.folder / "results/tiny"
    told = (results / "findings.md").read_text("utf-8")
    assert told.startswith("# tiny: findings\n\n## comparison\n\n- ")
    assert result.stdout.endswith(f"{told}\nThe report: {results / 'report.html'}\n")
    for target in ("comparison_table", "confusion_matrices", "filter_grids", "training_curves"):
        assert study.planned(target) == {}


def test_the_default_profile_supplies_the_cores(study):
    result = study.snakemake("landscape_plot")
    assert result.returncode == 0, result.stderr


def test_all_runs_are_one_hive_partitioned_table(study):
    runs = study.folder / "results" / "tiny" / "runs"
    files = [str(path) for path in sorted(runs.rglob("steps.parquet"))]
    steps = ds.dataset(files, partitioning="hive", partition_base_dir=str(runs)).to_table()
    steps = steps.to_pandas()
    assert set(steps.model) == {"BasicCNN", "VGG_A", "VGG_A_BatchNorm"}
    assert {0.001, 0.002, 0.01} <= set(steps.lr.astype(float))


def test_the_band_is_five_lines_of_pandas(study):
    results = study.folder / "results" / "tiny"
    band = pd.read_parquet(results / "landscape" / "landscape.parquet")
    for model in ("VGG_A", "VGG_A_BatchNorm"):
        files = results.glob(f"runs/experiment=landscape/model={model}/*/*/steps.parquet")
        losses = pd.concat([pd.read_parquet(f).set_index("step").loss for f in files], axis=1)
        losses = losses.dropna()
        expected = pd.DataFrame({"min": losses.min(axis=1), "max": losses.max(axis=1)})
        found = band[band.model == model].set_index("step")[["min", "max"]]
        pd.testing.assert_frame_equal(found, expected, check_exact=True, check_column_type=False)


def test_a_diverged_run_is_shown_and_stops_nothing(study):
    results = study.folder / "results" / "tiny"
    folder = results / "runs/experiment=comparison/model=BasicCNN/lr=1000000000000.0/seed=0"
    run = json.loads((folder / "run.json").read_text())
    assert run["status"] == "diverged"
    assert (
        f"diverged at step {run['diverged_at_step']}"
        in (results / "tables" / "comparison.md").read_text()
    )


def test_one_learning_rate_makes_its_runs_and_their_dependants_again(study):
    change = study.with_config("[1e-3, 2e-3]", "[1e-3, 3e-3]")
    assert study.planned_runs(*change) == {"VGG_A 0.003", "VGG_A_BatchNorm 0.003"}
    jobs = study.planned(*change)
    assert {name: jobs.get(name) for name in ("prepare_data", "train", "index", "report")} == {
        "prepare_data": None, "train": 2, "index": 2, "report": 1,
    }  # fmt: skip
    text = study.run("-n", *change)
    figures = set(re.findall(r"output: results/tiny/figures/([\w/]+)\.png", text))
    assert {"landscape/landscape", "confusion_matrices/landscape/VGG_A", "efficiency"} <= figures
    assert not [name for name in figures if "comparison" in name], (
        "the other experiment is as it was"
    )


VGG_RUNS = {
    f"{model} {rate}" for model in ("VGG_A", "VGG_A_BatchNorm") for rate in ("0.001", "0.002")
}


@pytest.mark.parametrize(
    ("old", "new", "runs"),
    [
        (
            "epochs: 1",
            "epochs: 1\n    overrides: {VGG_A: {learning_rates: [1e-3, 4e-3]}}",
            {"VGG_A 0.004"},
        ),
        ("[1e-3, 2e-3]", '[0.001, "2.0e-3"]', set()),
        ("study: tiny", "# a comment\nstudy: tiny", set()),
        ("epochs: 1", "epochs: 1\n    augmentation: {crop_padding: 4}", set()),
        ("    batch_size: 16\n    epochs: 1\n", "    epochs: 1\n    batch_size: 16\n", set()),
        # Swapped values are a change, although Snakemake compares params as a set.
        (
            "    batch_size: 16\n    epochs: 1\n",
            "    batch_size: 1\n    epochs: 16\n",
            VGG_RUNS,
        ),
    ],
)
def test_what_a_change_of_the_config_trains_again(study, old, new, runs):
    assert study.planned_runs(*study.with_config(old, new)) == runs


def test_a_mistake_in_the_config_is_a_line_and_exit_code_2(study):
    finished = study.folder / "results" / "tiny" / "figures" / "all_models.png"
    before = finished.read_bytes()
    change = study.with_config("epochs: 2", "epoch: 2")
    result = study.snakemake("--cores", "1", "all", *change[:-1])
    assert result.returncode == 2
    assert "changed.yaml: experiments.comparison.epoch: unknown key" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert finished.read_bytes() == before


def test_a_config_that_is_not_yaml_is_named(study, tmp_path):
    (tmp_path / "config.yaml").write_text("study: [\nexperiments: {")
    result = type(study)(tmp_path).snakemake("-n")
    assert result.returncode == 2
    assert "config.yaml, line 2" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_data_that_is_not_there_is_named(study):
    change = study.with_config("source: sample", "source: parquet\n  path: /nowhere/cifar10")
    result = study.snakemake("-n", *change[:-1])
    assert result.returncode == 2
    assert "/nowhere/cifar10" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_the_published_study_is_eleven_runs(study):
    paper = REPOSITORY / "config" / "paper.yaml"
    jobs = study.planned("--configfile", str(paper), "--", "all")
    assert (jobs["train"], jobs["prepare_data"]) == (11, 1)
