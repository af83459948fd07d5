"""What is trained again, what is restored, and what is never shown: with a real snakemake."""

from __future__ import annotations

import filecmp
import json
import os
import random
import re
import shutil
import time

import pytest

from tests.workflow.clones import (
    LOOP,
    SHORT,
    TRAINING,
    copy_checkout,
    copy_package,
    edit,
    exact_digests,
    flip_a_byte,
    linked_copy,
    new_study,
    trained,
)
from tests.workflow.study import CONFIG, Study

pytestmark = pytest.mark.workflow

ALL_RUNS = {
    "BasicCNN 0.01",
    "BasicCNN 1000000000000.0",
    "VGG_A 0.001",
    "VGG_A 0.002",
    "VGG_A_BatchNorm 0.001",
    "VGG_A_BatchNorm 0.002",
}
VGG_RUNS = {run for run in ALL_RUNS if run.startswith("VGG")}
BASIC_RUNS = ALL_RUNS - VGG_RUNS
TARGETS = ("filter_grids", "results/tiny/tables/comparison.csv")
WORDS = "pj2/language/zh.po"


@pytest.fixture(scope="module")
def base(study, tmp_path_factory):
    """Another clone, which got everything from the store of the first, and two kinds of output."""
    place = tmp_path_factory.mktemp("base")
    base = new_study(place / "work", CONFIG, checkout=copy_checkout(place / "checkout"))
    linked_copy(study.folder / ".pj2", base.folder / ".pj2")
    base.run(*TARGETS)
    return base


@pytest.fixture
def clone(base, tmp_path):
    """The other clone, with source, results and store to change."""
    shutil.copytree(base.folder, tmp_path / "work", ignore=shutil.ignore_patterns(".pj2"))
    linked_copy(base.folder / ".pj2", tmp_path / "work" / ".pj2")
    yield Study(tmp_path / "work", base.checkout)
    copy_package(base.checkout)


def test_edits_that_change_nothing_and_edits_that_do(clone):
    """One clone, edit after edit: what snakemake -n lists."""
    assert clone.planned(*TARGETS) == {}
    edit(clone, LOOP, "    model.train()\n", "    model.train()  # not eval\n\n")
    edit(clone, LOOP, '"""Train for one epoch and record every step.', '"""Train.')
    edit(clone, "pj2/models/vgg.py", "from __future__", '"""Other words."""\n\nfrom __future__')
    assert clone.planned(*TARGETS) == {}

    for name in ("pj2/cli/main.py", "pj2/training/progress.py", "pj2/models/residual_cnn.py"):
        with (clone.checkout / name).open("a") as file:
            file.write("\n\nADDED = 1\n")
    with (clone.checkout / WORDS).open("a") as file:
        file.write("\n# Words of a language that this study does not speak.\n")
    assert clone.planned(*TARGETS) == {}

    edit(clone, "pj2/exhibits/filters/figure.py", "16 if out > 32 else 8", "8 if out > 32 else 4")
    assert clone.planned(*TARGETS) == {"figure_of_model": 3, "filter_grids": 1}
    with (clone.checkout / "pj2/exhibits/comparison/table.py").open("a") as file:
        file.write("\n\nADDED = 1\n")
    assert clone.planned(*TARGETS) == {
        "figure_of_model": 3,
        "filter_grids": 1,
        "table_of_study": 1,
    }
    assert clone.planned_runs(*TARGETS) == set()

    with (clone.checkout / "pj2/models/vgg.py").open("a") as file:
        file.write("\n\nADDED = 1\n")
    assert clone.planned_runs(*TARGETS) == VGG_RUNS
    result = clone.snakemake("-n", *TARGETS)
    assert "models/vgg.py changed: (module level)" in result.stderr

    edit(clone, LOOP, "    model.train()", "    model.train(True)")
    assert clone.planned_runs(*TARGETS) == ALL_RUNS
    result = clone.snakemake("-n", *TARGETS)
    assert "training/loop.py changed: function train_epoch" in result.stderr


def test_figures_and_tables_are_made_again_for_another_language_and_for_its_words(clone):
    chinese = clone.with_config("study: tiny\n", "study: tiny\nreport: {language: zh}\n")
    assert clone.planned(*chinese, *TARGETS) == {
        "figure_of_model": 3,
        "filter_grids": 1,
        "table_of_study": 1,
    }
    figure = "results/tiny/figures/filter_grids/comparison/BasicCNN.svg"
    before = (clone.folder / figure).read_bytes()
    clone.run(*chinese, figure)
    assert (clone.folder / figure).read_bytes() != before
    assert clone.planned(*chinese, figure) == {}
    with (clone.checkout / WORDS).open("a") as file:
        file.write("\n# A word.\n")
    assert clone.planned(*chinese, figure) == {"figure_of_model": 1}


def test_one_models_file_trains_that_model_again_and_no_other(clone):
    edit(clone, "pj2/models/basic_cnn.py", "nn.Flatten()", "nn.Flatten(1)")
    text = clone.run(*TRAINING)
    reason = "models/basic_cnn.py changed: method BasicCNN.__init__"
    assert reason in text
    why = clone.python("-m", "pj2", "why", "model=BasicCNN")
    assert why.returncode == 0, why.stderr
    assert re.search(rf"current: .*\n  made again 20[-\d: ]+: .*{reason}", why.stdout)
    assert clone.planned_runs(*TARGETS) == set()
    for rate in ("0.01", "1000000000000.0"):
        assert "restored" not in clone.log("comparison", "BasicCNN", rate)
    assert trained(clone) >= BASIC_RUNS
    # And back again: what was made with the code before is still there.
    edit(clone, "pj2/models/basic_cnn.py", "nn.Flatten(1)", "nn.Flatten()")
    clone.run(*TRAINING)
    assert "restored from the store" in clone.log("comparison", "BasicCNN", "0.01")


def test_changed_prediction_code_trains_nothing(clone, study):
    edit(clone, "pj2/evaluation/predict.py", ".softmax(1)", ".softmax(dim=1)")
    assert clone.planned_runs(*TARGETS) == ALL_RUNS
    text = clone.run(*TRAINING)
    assert "predictions: evaluation/predict.py changed: function predict" in text
    assert trained(clone) == set()
    assert clone.planned_runs(*TARGETS) == set()
    for run in clone.run_folders():
        assert exact_digests(run) == exact_digests(study.folder / run.relative_to(clone.folder))


def test_deleted_results_and_a_second_clone_train_nothing(study, tmp_path):
    clone = new_study(
        tmp_path / "clone",
        CONFIG,
        store=linked_copy(study.folder / ".pj2" / "store", tmp_path / "store"),
    )
    clone.run(*TRAINING)
    assert trained(clone) == set()
    for run in clone.run_folders():
        twin = study.folder / run.relative_to(clone.folder)
        for path in run.iterdir():
            assert filecmp.cmp(path, twin / path.name, shallow=False), path
    shutil.rmtree(clone.folder / "results")
    clone.run(*TRAINING)
    assert trained(clone) == set()


@pytest.mark.parametrize("with_store", [True, False])
def test_results_copied_without_times_train_nothing(study, tmp_path, with_store):
    clone = new_study(tmp_path / "clone", CONFIG)
    results = clone.folder / "results"
    shutil.copytree(study.folder / "results", results, copy_function=shutil.copyfile)
    if with_store:
        linked_copy(study.folder / ".pj2", clone.folder / ".pj2")
    shutil.rmtree(results / "tiny" / "logs")
    now = time.time()
    paths = sorted(path for path in results.rglob("*") if path.is_file())
    random.Random(0).shuffle(paths)
    for age, path in enumerate(paths):
        os.utime(path, (now - age, now - age))
    # The data are the newest of all: Snakemake runs every training job.
    os.utime(next(results.glob("data/*/dataset.json")))
    assert clone.planned_runs(*TARGETS) == ALL_RUNS
    assert f"Of {len(ALL_RUNS)} training jobs {len(ALL_RUNS)} restore" in clone.run("-n", *TARGETS)
    clone.run(*TRAINING)
    assert trained(clone) == set()
    for run in clone.run_folders():
        assert exact_digests(run) == exact_digests(study.folder / run.relative_to(clone.folder))


def test_results_that_other_code_made_are_not_shown(clone):
    """Copied without Snakemake's records, which would know."""
    shutil.rmtree(clone.folder / ".snakemake")
    assert clone.planned_runs(*TARGETS) == set()
    edit(clone, LOOP, "    model.train()", "    model.train(True)")
    assert clone.planned_runs(*TARGETS) == ALL_RUNS
    assert f"Of {len(ALL_RUNS)} training jobs 0 restore" in clone.run("-n", *TARGETS)


@pytest.mark.parametrize(
    "name",
    ["best.safetensors", "predictions.parquet", "run.json"],
)
def test_a_flipped_byte_in_an_artifact_is_told_and_mended(clone, study, name):
    run = clone.folder / "results/tiny/runs/experiment=landscape/model=VGG_A/lr=0.001/seed=0"
    flip_a_byte(run / name)
    assert clone.planned_runs(*TARGETS) == {"VGG_A 0.001"}
    text = clone.run(*TRAINING)
    assert re.search(rf"lr=0.001/seed=0: {name} (is damaged|was edited)|run.json", text)
    assert exact_digests(run) == exact_digests(study.folder / run.relative_to(clone.folder))
    assert clone.planned_runs(*TARGETS) == set()


def test_records_that_were_edited_are_told_and_made_again(clone, study):
    """Each says by itself that it was, whatever Snakemake knows of it."""
    results, table = clone.folder / "results", "results/tiny/tables/comparison.csv"
    (data,) = results.glob("data/*/dataset.json")
    run = results / "tiny/runs/experiment=landscape/model=VGG_A/lr=0.001/seed=0/run.json"
    index = results / "tiny/index/experiment=landscape/model=VGG_A.json"
    for path, edit_it in (
        (index, lambda record: record["runs"].reverse()),
        (run, lambda record: record.update(parameters=12)),
        (data, lambda record: record["classes"].reverse()),
    ):
        before = path.read_bytes()
        record = json.loads(before)
        edit_it(record)
        path.write_text(json.dumps(record))
        text = clone.run(table)
        assert re.search(rf"{path.name}:? was edited or damaged", text)
        assert path.read_bytes() == before
        assert trained(clone) == set()
        assert clone.planned(table) == {}
    assert filecmp.cmp(clone.folder / table, study.folder / table, shallow=False)


def test_an_index_that_lists_other_runs_is_written_again(clone):
    """Though it says nothing but the truth of them."""
    folder = clone.folder / "results/tiny/index/experiment=landscape"
    shutil.copyfile(folder / "model=VGG_A_BatchNorm.json", folder / "model=VGG_A.json")
    result = clone.snakemake("-n", "results/tiny/tables/comparison.csv")
    assert "model=VGG_A.json: lists other runs than the config" in result.stderr
    assert clone.planned("results/tiny/tables/comparison.csv")["index"] == 1


def test_figures_and_tables_that_were_edited_are_made_again_from_the_runs(clone):
    grids = clone.folder / "results/tiny/figures/filter_grids"
    table = clone.folder / "results/tiny/tables/comparison.csv"
    vgg, normed = (grids / "landscape" / name for name in ("VGG_A.png", "VGG_A_BatchNorm.png"))
    emptied, deleted = grids / "comparison/BasicCNN.svg", normed.with_suffix(".svg")
    files = [table, table.with_suffix(".md"), vgg, normed, emptied, deleted]
    made = [path.read_bytes() for path in files]
    table.write_text(table.read_text().replace("0.01,", "0.02,"))
    emptied.write_text("")
    shutil.copy(normed, vgg)
    deleted.unlink()
    assert clone.planned(*TARGETS) == {
        "figure_of_model": 3,
        "filter_grids": 1,
        "table_of_study": 1,
    }
    text = clone.run(*TARGETS)
    for path in (table, vgg, emptied):
        assert f"{path.relative_to(clone.folder)} is damaged" in text
    assert [path.read_bytes() for path in files] == made
    os.utime(table)
    assert clone.planned(*TARGETS) == {}


def test_a_flipped_byte_in_the_store_trains_that_run_again(clone, study):
    store = clone.folder / ".pj2" / "store"
    run = "results/tiny/runs/experiment=comparison/model=BasicCNN/lr=0.01/seed=0"
    weights = study.folder / run / "last.safetensors"
    blob = next(
        path for path in store.rglob("blobs/*/*") if path.read_bytes() == weights.read_bytes()
    )
    flip_a_byte(blob)
    shutil.rmtree(clone.folder / "results")
    text = clone.run(*TRAINING)
    assert re.search(r"store .*: blobs/.* is damaged; it is not used", text)
    assert trained(clone) == {"BasicCNN 0.01"}
    assert exact_digests(clone.folder / run) == exact_digests(study.folder / run)


def test_jobs_run_the_code_beside_the_snakefile_whatever_lies_in_the_folder(tmp_path):
    """A folder of results may hold another package of that name, such as an older clone's."""
    study = new_study(tmp_path / "study", SHORT)
    (study.folder / "pj2").mkdir()
    (study.folder / "pj2" / "__init__.py").touch()
    (study.folder / "pj2" / "__main__.py").write_text("raise SystemExit('another pj2')")
    text = study.run("prepare_data")
    assert "another pj2" not in text
