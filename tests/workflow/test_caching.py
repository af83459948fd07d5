"""What is trained again, what is restored, and what is never shown: with a real snakemake."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import CONFIG, REPOSITORY, Study

pytestmark = pytest.mark.workflow

TRAINING = ("--until", "train")
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
# One run of two short epochs, for what must be trained for real.
SHORT = """\
study: tiny
dataset:
  source: sample
  limit: {train: 200, test: 20}
experiments:
  short:
    models: [BasicCNN]
    learning_rates: [1e-3]
    batch_size: 16
    epochs: 2
"""
SHORT_RUN = "results/tiny/runs/experiment=short/model=BasicCNN/lr=0.001/seed=0"
EXACT = ("best.safetensors", "last.safetensors", "steps.parquet")


def linked_copy(folder: Path, destination: Path) -> Path:
    """Copy a store without copying its bytes: its files are never changed, only replaced."""
    return Path(shutil.copytree(folder, destination, copy_function=os.link))


def copy_checkout(destination: Path) -> Path:
    """Copy what a clone has, so that its source can be edited."""
    destination.mkdir(parents=True)
    shutil.copy(REPOSITORY / "Snakefile", destination)
    for name in ("workflow", "profiles"):
        shutil.copytree(REPOSITORY / name, destination / name)
    copy_package(destination)
    (destination / "data").symlink_to(REPOSITORY / "data")
    return destination


def copy_package(destination: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "pj2", destination / "pj2", ignore=ignored, dirs_exist_ok=True)


def new_study(folder: Path, config: str, **changes) -> Study:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(config)
    return Study(folder, **changes)


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()  # it may be read-only, or linked to another's
    path.write_bytes(content)


def exact_bytes(run: Path) -> list[bytes]:
    return [(run / name).read_bytes() for name in EXACT]


def trained(study: Study) -> set[str]:
    """The runs whose last training job made an epoch, as model and learning rate."""
    found = set()
    for log in study.folder.glob("results/tiny/logs/train/*/*/*/seed=0.log"):
        if re.search(r"epoch \d+/|diverged at", log.read_text()):
            found.add(f"{log.parts[-3]} {log.parts[-2].removeprefix('lr=')}")
    return found


TARGETS = ("filter_grids", "results/tiny/tables/comparison.csv")


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


def edit(clone: Study, name: str, old: str, new: str) -> None:
    path = clone.checkout / name
    text = path.read_text()
    assert text.count(old) == 1, (name, old)
    path.write_text(text.replace(old, new))


LOOP = "pj2/training/loop.py"


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
    assert clone.planned(*TARGETS) == {}

    edit(clone, "pj2/figures/filters.py", "16 if out > 32 else 8", "8 if out > 32 else 4")
    assert clone.planned(*TARGETS) == {"filter_grid": 3, "filter_grids": 1}
    with (clone.checkout / "pj2/tables/comparison.py").open("a") as file:
        file.write("\n\nADDED = 1\n")
    assert clone.planned(*TARGETS) == {
        "filter_grid": 3,
        "filter_grids": 1,
        "study_table": 1,
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


def test_one_models_file_trains_that_model_again_and_no_other(clone):
    edit(clone, "pj2/models/basic_cnn.py", "nn.Flatten()", "nn.Flatten(1)")
    text = clone.run(*TRAINING)
    assert "models/basic_cnn.py changed: method BasicCNN.__init__" in text
    assert clone.planned_runs(*TARGETS) == set()
    for rate in ("0.01", "1000000000000.0"):
        assert "restored" not in clone.log("comparison", "BasicCNN", rate)
    assert trained(clone) >= BASIC_RUNS
    # And back again: what was made with the code before is still there.
    edit(clone, "pj2/models/basic_cnn.py", "nn.Flatten(1)", "nn.Flatten()")
    clone.run(*TRAINING)
    assert "restored from the store" in clone.log("comparison", "BasicCNN", "0.01")


def test_deleted_results_and_a_second_clone_train_nothing(study, tmp_path):
    clone = new_study(
        tmp_path / "clone",
        CONFIG,
        store=linked_copy(study.folder / ".pj2" / "store", tmp_path / "store"),
    )
    clone.run("--until", "evaluate")
    assert trained(clone) == set()
    for run in clone.run_folders():
        twin = study.folder / run.relative_to(clone.folder)
        for path in run.iterdir():
            assert path.read_bytes() == (twin / path.name).read_bytes(), path
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
    clone.run(*TRAINING)
    assert trained(clone) == set()
    for run in clone.run_folders():
        assert exact_bytes(run) == exact_bytes(study.folder / run.relative_to(clone.folder))


def test_results_that_other_code_made_are_not_shown(clone):
    """Copied without Snakemake's records, which would know."""
    shutil.rmtree(clone.folder / ".snakemake")
    assert clone.planned_runs(*TARGETS) == set()
    edit(clone, LOOP, "    model.train()", "    model.train(True)")
    assert clone.planned_runs(*TARGETS) == ALL_RUNS


@pytest.mark.parametrize(
    "name", ["best.safetensors", "steps.parquet", "epochs.parquet", "run.json"]
)
def test_a_flipped_byte_in_an_artifact_is_told_and_mended(clone, study, name):
    run = clone.folder / "results/tiny/runs/experiment=landscape/model=VGG_A/lr=0.001/seed=0"
    flip_a_byte(run / name)
    assert clone.planned_runs(*TARGETS) == {"VGG_A 0.001"}
    text = clone.run(*TRAINING)
    assert re.search(rf"lr=0.001/seed=0: {name} (is damaged|was edited)|run.json", text)
    assert exact_bytes(run) == exact_bytes(study.folder / run.relative_to(clone.folder))
    assert clone.planned_runs(*TARGETS) == set()


def test_a_flipped_byte_in_predictions_is_told_and_mended(clone, study):
    run = "results/tiny/runs/experiment=landscape/model=VGG_A/lr=0.001/seed=0"
    damaged = clone.folder / run / "predictions.parquet"
    flip_a_byte(damaged)
    text = clone.run("--until", "evaluate")
    assert "predictions.parquet is damaged" in text
    assert clone.planned_runs(*TARGETS) == set()
    assert damaged.read_bytes() == (study.folder / run / damaged.name).read_bytes()


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
    assert exact_bytes(clone.folder / run) == exact_bytes(study.folder / run)


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A short run that nothing disturbed."""
    study = new_study(tmp_path_factory.mktemp("short"), SHORT)
    study.run(*TRAINING)
    return study


def test_a_longer_budget_continues_and_a_shorter_one_trains_nothing(short, tmp_path):
    four = SHORT.replace("epochs: 2", "epochs: 4")
    at_once = new_study(tmp_path / "at once", four)
    at_once.run(*TRAINING)
    study = new_study(tmp_path / "study", SHORT)
    linked_copy(short.folder / ".pj2", study.folder / ".pj2")
    study.run(*TRAINING)
    (study.folder / "config.yaml").write_text(four)
    assert study.planned_runs() == {"BasicCNN 0.001"}
    study.run(*TRAINING)
    log = study.log("short", "BasicCNN", "0.001")
    assert "continues after 2 epochs" in log
    assert re.findall(r"epoch (\d+)/4", log) == ["3", "4"]
    assert exact_bytes(study.folder / SHORT_RUN) == exact_bytes(at_once.folder / SHORT_RUN)
    (study.folder / "config.yaml").write_text(SHORT)
    study.run(*TRAINING)
    assert trained(study) == set()
    assert exact_bytes(study.folder / SHORT_RUN) == exact_bytes(short.folder / SHORT_RUN)


def test_two_experiments_share_a_run(tmp_path):
    second = SHORT.partition("  short:\n")[2].replace("epochs: 2", "epochs: 3")
    study = new_study(tmp_path, f"{SHORT}  longer:\n{second}")
    study.run(*TRAINING)
    assert "epoch 2/2" in study.log("short", "BasicCNN", "0.001")
    log = study.log("longer", "BasicCNN", "0.001")
    assert "continues after 2 epochs" in log
    assert study.planned(*TRAINING) == {}


def children_of(process: int) -> list[int]:
    """The processes below one, found in /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == process:
            child = int(stat.parent.name)
            found += [child, *children_of(child)]
    return found


def wait_for(condition, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
def test_a_killed_driver_and_its_orphans_lose_nothing(short, tmp_path):
    """kill -9 of snakemake at random moments; its job lives on, and finishes beside the next one.

    PJ2_TEST_KILLS sets how many moments are tried.
    """
    moments = random.Random(0)
    for trial in range(int(os.environ.get("PJ2_TEST_KILLS", "2"))):
        study = new_study(tmp_path / str(trial), SHORT)
        driver = subprocess.Popen(
            study.command("--cores", "1", *TRAINING),
            cwd=study.folder,
            env=study.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moments.uniform(2, 16))
        orphans = children_of(driver.pid) if trial % 2 else []
        driver.kill()
        driver.wait()
        for orphan in orphans:  # every second time the jobs are killed too
            os.kill(orphan, signal.SIGKILL)
        study.run("--unlock")
        study.run(*TRAINING)
        assert exact_bytes(study.folder / SHORT_RUN) == exact_bytes(short.folder / SHORT_RUN)
        assert study.planned_runs() == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_study_continues_where_it_was(tmp_path, short, number):
    """Ctrl-C reaches every process of the terminal's group; a cluster's SIGTERM does so too."""
    long = SHORT.replace("epochs: 2", "epochs: 400")
    study = new_study(tmp_path, long)
    driver = subprocess.Popen(
        study.command("--cores", "1", *TRAINING),
        cwd=study.folder,
        env=study.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    log = study.folder / "results/tiny/logs/train/short/BasicCNN/lr=0.001/seed=0.log"
    wait_for(lambda: log.exists() and "epoch 3/" in log.read_text())
    os.killpg(driver.pid, number)
    output, _ = driver.communicate(timeout=120)
    assert driver.returncode != 0, output
    assert not (study.folder / SHORT_RUN / "run.json").exists()
    (study.folder / "config.yaml").write_text(SHORT)
    study.run(*TRAINING)
    assert trained(study) == set()  # the two epochs were there already
    assert exact_bytes(study.folder / SHORT_RUN) == exact_bytes(short.folder / SHORT_RUN)


def test_snakemakes_own_cache_hits_across_clones_and_misses_after_an_edit(tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()

    checkout = copy_checkout(tmp_path / "checkout")
    first = new_study(tmp_path / "first", SHORT, checkout=checkout)
    target = f"{SHORT_RUN}/run.json"
    flags = ("--cache", "train", "--", target)
    first.run(*flags, SNAKEMAKE_OUTPUT_CACHE=str(cache))
    second = new_study(tmp_path / "second", SHORT, checkout=checkout)
    second.run(*flags, SNAKEMAKE_OUTPUT_CACHE=str(cache))
    assert not (second.folder / ".pj2" / "store").exists()  # no training job ran
    assert exact_bytes(second.folder / SHORT_RUN) == exact_bytes(first.folder / SHORT_RUN)
    third = new_study(tmp_path / "third", SHORT, checkout=checkout)
    edit(third, LOOP, "    model.train()", "    model.train(True)")
    third.run(*flags, SNAKEMAKE_OUTPUT_CACHE=str(cache))
    assert "epoch 2/2" in third.log("short", "BasicCNN", "0.001")
