"""`pj2 fingerprint` and `pj2 why`: which runs a RUN names, and what is printed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pj2.cli.main import main
from pj2.config.load import load_study
from pj2.config.study import list_runs
from pj2.data.changes import source_digest
from pj2.data.layout import prepared_folder
from pj2.fingerprint.run import run_fingerprint
from pj2.runs.files import artifact_names
from pj2.store import verified
from pj2.store.records import write_record
from tests.helpers.made_up import DATA, make_run

CONFIG = """\
study: small
experiments:
  one:
    models: [BasicCNN, VGG_A]
    learning_rates: [1e-3, 2e-3]
    precision: fp32
    seeds: [0, 1]
  two:
    models: [BasicCNN]
    learning_rates: [1e-3]
    precision: fp32
"""
CLASSES = ("cat", "dog")
RUN = "experiment=one/model=VGG_A/lr=0.001/seed=1"
RUNS = Path("results/small/runs")


@pytest.fixture
def here(tmp_path, monkeypatch):
    for name in ("PJ2_DATA", "PJ2_STORE", "PJ2_STORE_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


def write_info(study, source: str) -> None:
    """Write the dataset.json of a study, prepared from files of this digest."""
    counts = {"cat": 50, "dog": 50}
    write_record(
        Path(prepared_folder(study.dataset), "dataset.json"),
        {
            **{"hash": DATA, "name": "cifar10", "source": "sample", "classes": CLASSES},
            **{"train_images": 100, "test_images": 100, "mean": [0.5] * 3, "std": [0.5] * 3},
            **{"per_class": {"train": counts, "test": counts}, "source_digest": source},
        },
    )


@pytest.fixture
def prepared(here):
    """The fingerprints of the study's runs, by folder."""
    study = load_study("config.yaml")
    write_info(study, source_digest(study.dataset))
    return {run.folder: run_fingerprint(run.settings, DATA) for run in list_runs(study)}


@pytest.fixture
def pj2(monkeypatch, capsys):
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pj2", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def write_run(lr: str = "0.001") -> str:
    """Write `RUN`, at this learning rate; return its folder."""
    settings = {r.folder: r.settings for r in list_runs(load_study("config.yaml"))}[RUN]
    make_run(
        RUNS.parent, "VGG_A", [1.0], lr=lr, seed=1, experiment="one",
        classes=CLASSES, labels=(0, 1), predicted=(0, 1),
        settings={**settings.model_dump(), "learning_rate": float(lr)},
    )  # fmt: skip
    return RUN.replace("0.001", lr)


@pytest.mark.parametrize(
    "spelling",
    [
        RUN,
        f"{RUN}/",
        f"{RUNS}/{RUN}",
        f"./{RUNS}/{RUN}/",
        "experiment=one/model=VGG_A/lr=1e-3/seed=1",
        "model=VGG_A/lr=1.0e-03/seed=01",
    ],
)
def test_one_run_in_any_spelling(pj2, prepared, spelling):
    assert pj2("fingerprint", spelling) == (0, prepared[RUN].digest + "\n", "")


def test_an_absolute_folder_is_looked_at_from_anywhere(pj2, prepared, here, monkeypatch):
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    result = pj2("fingerprint", here / RUNS / RUN, "--config", here / "config.yaml")
    assert result == (0, prepared[RUN].digest + "\n", "")


@pytest.mark.parametrize(
    ("selection", "count"),
    [("model=VGG_A", 4), ("experiment=one/model=BasicCNN", 4), ("lr=1e-3/seed=0", 3), (RUNS, 9)],
)
def test_several_runs_have_a_line_each(pj2, prepared, selection, count):
    code, out, _ = pj2("fingerprint", selection)
    lines = [line.split("  ") for line in out.splitlines()]
    assert (code, len(lines)) == (0, count)
    assert all(prepared[folder].digest == digest for digest, folder in lines)


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        ("experiment=one/model=VGG_B/lr=1e-3/seed=1", f"the nearest is {RUN}"),
        ("model=VGG", "the nearest is model=VGG_A"),
        ("VGG_A", "the nearest is model=VGG_A"),
        ("model=VGG_A/lr=0.003", "the nearest is model=VGG_A/lr=0.00"),
        ("modle=VGG_A", "the nearest is model=VGG_A"),
        ("model=VGG_A/lr=fast", "no such run in config.yaml"),
        ("", "no such run in config.yaml"),
        ("results/other/runs/model=VGG_A", "are in results/small/runs, not in results/other/runs"),
    ],
)
@pytest.mark.parametrize("command", ["fingerprint", "why"])
def test_what_is_not_in_the_config(pj2, prepared, command, selection, words):
    code, out, err = pj2(command, selection)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_explain(pj2, prepared):
    code, out, _ = pj2("fingerprint", RUN, "--explain")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == prepared[RUN].digest
    assert "setting  learning_rate = 0.001" in lines
    assert f"data     {DATA}" in lines


def test_data_that_are_not_prepared(pj2, here):
    code, out, err = pj2("fingerprint", RUN)
    assert (code, out) == (2, "")
    assert "the data are not prepared yet" in err
    assert "snakemake prepare_data" in err
    assert err.count("\n") == 1
    code, out, err = pj2("fingerprint", RUN, "--explain")
    assert (code, err.count("\n")) == (0, 1)
    assert "data     not prepared yet" in out.splitlines()
    assert "not known yet" in out
    code, out, _ = pj2("why", RUN)
    assert code == 0
    assert "unknown until snakemake prepare_data" in out


def test_why(pj2, prepared):
    write_run()
    code, out, err = pj2("why", RUN)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        RUN,
        "  current: made with these settings, data and code, and its files are intact",
    ]
    config = Path("config.yaml")
    config.write_text(config.read_text() + "    epochs: 7\n")
    _, out, _ = pj2("why", "experiment=two")
    assert "run.json is missing: trained from the start" in out
    config.write_text(CONFIG.replace("    seeds: [0, 1]", "    seeds: [0, 1]\n    batch_size: 9"))
    code, out, _ = pj2("why", RUN)
    assert code == 0
    assert "  batch_size 128 → 9" in out.splitlines()


def test_why_of_a_run_that_is_no_longer_in_the_config(pj2, prepared):
    gone = write_run(lr="0.003")
    line = f"  not in config.yaml; nearest is {RUN.replace('0.001', '0.002')}: "
    line += "learning_rate 0.003 → 0.002"
    for selection in (gone, gone.replace("0.003", "3e-3"), RUNS / gone):
        assert pj2("why", selection) == (0, f"{gone}\n{line}\n", "")
    _, out, _ = pj2("why", "model=VGG_A")
    assert len([part for part in out.splitlines() if part.startswith("experiment=")]) == 5
    (RUNS / gone / "run.json").unlink()
    assert pj2("why", gone) == (0, f"{gone}\n  not in config.yaml; run.json is missing\n", "")


def test_data_whose_files_changed_are_not_compared(pj2, prepared):
    write_run()
    info = Path(prepared_folder(load_study("config.yaml").dataset), "dataset.json")
    write_record(info, {**json.loads(info.read_text()), "source_digest": "0" * 64})
    _, out, _ = pj2("why", RUN)
    assert "data: not prepared as they are now" in out
    code, _, err = pj2("fingerprint", RUN)
    assert (code, "snakemake prepare_data" in err) == (2, True)


def test_without_the_files_of_the_data_what_was_prepared_counts(pj2, here):
    (here / "config.yaml").write_text(
        CONFIG + "dataset: {name: custom, source: imagefolder, path: pictures}\n"
    )
    study = load_study("config.yaml")
    fingerprint = run_fingerprint(list_runs(study)[0].settings, DATA)
    write_info(study, "0" * 64)
    run = list_runs(study)[0].folder
    code, out, err = pj2("why", run)
    assert (code, "trained from the start" in out) == (0, True)
    (line,) = err.splitlines()
    assert line.startswith("pj2: dataset.path: pictures does not exist")
    assert pj2("fingerprint", run) == (0, fingerprint.digest + "\n", err)


def test_why_remembers_what_it_hashed(pj2, prepared, monkeypatch):
    monkeypatch.setattr(verified, "_SETTLED_NANOSECONDS", -(10**9))
    write_run()
    pj2("why", RUN)
    names = {
        Path(name).name for name in json.loads(Path(".pj2/verified.json").read_text())["files"]
    }
    assert names == set(artifact_names(probed=False))
