"""The tiny study, published: what is exported is whole, current, and can be used."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from pj2.config.load import load_study
from pj2.config.study import list_runs
from pj2.errors import UserError
from pj2.publish.bundle import check_bundle
from pj2.report.page import write_report
from pj2.store.files import sha256_file, write_json, write_text
from pj2.store.records import write_record
from pj2.store.sums import write_sums
from tests.helpers.repository import REPOSITORY
from tests.workflow.clones import flip_a_byte

RUN = "runs/experiment=landscape/model=VGG_A_BatchNorm/lr=0.001/seed=0"


def export(study, output, *options):
    words = ("store", "export", output, "--study", "config.yaml", *options)
    return study.python("-m", "pj2", *words)


def copied(study, folder):
    """A copy of the study, where it may be changed: files are linked, so replace them."""
    for name in ("tiny", "data"):
        shutil.copytree(
            study.folder / "results" / name, folder / "results" / name, copy_function=os.link
        )
    shutil.copy(study.folder / "config.yaml", folder)
    return replace(study, folder=folder)


@pytest.fixture(scope="module")
def finished(study, tmp_path_factory):
    """A copy to publish from, which no test changes: bundles are written into it."""
    return copied(study, tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="module")
def published(finished) -> Path:
    """The bundle, which no test changes."""
    result = export(finished, "published")
    assert (result.returncode, result.stderr) == (0, "")
    counts, digest = result.stdout.splitlines()
    assert re.fullmatch(r"published 3 models, 6 runs in \d+ files, [\d.]+ MB, as published", counts)
    assert digest.endswith(f" {sha256_file(finished.folder / 'published' / 'SHA256SUMS')}")
    return finished.folder / "published"


@pytest.fixture
def changed(study, tmp_path):
    return copied(study, tmp_path / "changed")


def test_it_is_what_its_sums_say_and_no_more(published):
    assert check_bundle(published).problems == []


def test_the_command_that_verifies_it_ends_with_1_if_it_differs(finished, published):
    command = ("-m", "pj2", "store", "verify-bundle", "published", "--digest")
    digest = sha256_file(published / "SHA256SUMS")
    for expected, code in ((digest, 0), (digest[::-1], 1)):
        done = finished.python(*command, expected)
        assert done.returncode == code, done.stderr
        assert f"SHA-256 of its SHA256SUMS: {digest}" in done.stdout


def test_it_holds_the_weights_that_validation_chose_tables_and_report(study, published):
    results = study.folder / "results" / "tiny"
    weights = sorted(path.relative_to(published) for path in published.rglob("*.safetensors"))
    assert len(weights) == 5  # the sixth run diverged before its first epoch
    assert all((published / p).read_bytes() == (results / p).read_bytes() for p in weights)
    assert (published / "report.html").read_bytes() == (results / "report.html").read_bytes()
    tables = [path.relative_to(published) for path in published.glob("tables/*")]
    assert {path.stem for path in tables} == {
        *("calibration", "comparison", "confused_pairs", "efficiency", "per_class_accuracy"),
        "summary",
    }
    assert all((published / p).read_bytes() == (results / p).read_bytes() for p in tables)
    page = (published / "README.md").read_text("utf-8")
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert len(links) == 3
    assert all((published / link).is_file() for link in links)
    assert "- comparison/BasicCNN/lr=1000000000000.0/seed=0" in page


def test_the_card_s_own_code_loads_the_weights_and_finds_the_recorded_accuracy(study, published):
    folder = published / "runs/experiment=landscape/model=VGG_A_BatchNorm"
    card = (folder / "README.md").read_text("utf-8")
    metadata = yaml.safe_load(card.split("---\n")[1])
    (metric,) = metadata["model-index"][0]["results"][0]["metrics"]
    (data,) = study.folder.glob("results/data/*")
    black = "print(*classify(torch.zeros(2, 3, 32, 32, dtype=torch.uint8)))\n"
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", card, re.M | re.S)) + black
    result = subprocess.run(
        [sys.executable, "-", str(data)],
        input=code, cwd=folder, capture_output=True, text=True, check=False,
        env=study.environment | {"PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    accuracy, names = result.stdout.splitlines()
    assert accuracy == f"{metric['value']:.2f}"
    one, other = names.split()
    assert one == other in json.loads((data / "dataset.json").read_text())["classes"]


def test_the_config_asks_for_the_same_runs(study, published):
    again = load_study(published / "config.yaml")
    assert list_runs(again) == list_runs(load_study(study.folder / "config.yaml"))


def differ(one: Path, other: Path) -> bool:
    return bool(subprocess.run(["diff", "--recursive", one, other], check=False).returncode)


def test_a_tar_file_holds_the_same_bytes(finished, published, tmp_path):
    result = export(finished, "published.tar", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["runs"] == 6
    with tarfile.open(finished.folder / "published.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    assert not differ(published, tmp_path / "tiny")


def test_a_whole_path_gives_the_same_bytes(finished, published, tmp_path):
    result = export(finished, tmp_path / "again")
    assert (result.returncode, result.stderr) == (0, "")
    assert not differ(published, tmp_path / "again")


def test_what_is_there_is_not_overwritten(finished, published):
    result = export(finished, published.name)
    assert result.returncode == 2
    assert result.stderr == "pj2: published: exists already, and is not overwritten\n"


def test_damaged_weights_are_refused(changed):
    flip_a_byte(changed.folder / "results/tiny" / RUN / "best.safetensors")
    result = export(changed, "out")
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 2
    assert f"{RUN}/best.safetensors: damaged" in result.stderr
    assert "nothing was published" in result.stderr
    assert not (changed.folder / "out").exists()


def test_stale_and_missing_runs_are_refused_a_line_each(changed):
    config = changed.folder / "config.yaml"
    config.write_text(config.read_text().replace("epochs: 1\n", "epochs: 2\n"))
    shutil.rmtree(changed.folder / "results/tiny/runs/experiment=comparison")
    result = export(changed, "out")
    assert result.returncode == 2
    lines = result.stderr.splitlines()
    assert len(lines) == 6 + 1
    assert all("run.json is missing" in line for line in lines[:2])
    assert all("epochs 1 → 2" in line for line in lines[2:6])
    assert not (changed.folder / "out").exists()


def test_a_record_that_names_a_file_elsewhere_writes_none_there(changed, tmp_path):
    name = "../" * 7 + ".bash_login"  # from a run's folder to the study's, or to the target's
    (changed.folder / ".bash_login").write_text("echo owned")
    record = changed.folder / "results/tiny" / RUN / "run.json"
    content = json.loads(record.read_text())
    content["artifacts"][name] = sha256_file(changed.folder / ".bash_login")
    write_record(record, content)
    result = export(changed, "../target/out")
    assert result.returncode == 2
    line, _ = result.stderr.splitlines()
    assert f"{RUN}: run.json is damaged, or another version wrote it: artifacts.{name}" in line
    assert list((tmp_path / "target").iterdir()) == []


def name_a_table_elsewhere(results: Path) -> None:
    shutil.copy(results / "tables/comparison.json", results.parent / "another.json")
    write_sums(results / "another.csv.sha256", [results.parent / "another.json"])
    contents = json.loads((results / "index/report.json").read_text())
    contents["tables"]["landscape"].append(["..", "..", "..", "another"])
    write_json(results / "index/report.json", contents)


def name_another_folder(results: Path) -> None:
    shutil.copytree(results, results.parent / "another", copy_function=os.link)
    contents = json.loads((results / "index/report.json").read_text())
    write_json(results / "index/report.json", contents | {"results": "../../another"})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (name_a_table_elsewhere, "results/tiny/index/report.json: is damaged, or another version"),
        (name_another_folder, "results/tiny/index/report.json lists files outside the study"),
    ],
)
def test_a_report_of_what_is_not_the_study_s_is_left_out(changed, change, why):
    results = changed.folder / "results/tiny"
    change(results)
    index = sorted(results.glob("index/experiment=*/*.json"))
    with suppress(UserError):
        write_report(results / "index/report.json", index, results / "report.html")
    result = export(changed, "out")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"results/tiny/report.html: left out: {why}")
    assert not (changed.folder / "out" / "report.html").exists()


def test_what_was_edited_is_neither_put_on_the_page_nor_published(changed, monkeypatch):
    monkeypatch.chdir(changed.folder)
    results = Path("results/tiny")
    index = sorted(results.glob("index/experiment=*/*.json"))
    figure = results / "figures/filter_grids/landscape/VGG_A.png"
    table = results / "tables/comparison.json"
    for edited, other in (
        (figure, figure.with_name("VGG_A_BatchNorm.png")),
        (table, table.with_name("calibration.json")),
    ):
        edited.unlink()
        shutil.copy(other, edited)
        with pytest.raises(UserError, match=f"{edited} is damaged"):
            write_report(results / "index/report.json", index, results / "report.html")
    result = export(changed, "out")
    assert result.stdout.startswith(f"results/tiny/report.html: left out: {table} is damaged")
    assert not (changed.folder / "out" / "report.html").exists()


def test_an_edited_page_list_of_what_it_shows_and_band_are_made_again(changed):
    results = changed.folder / "results/tiny"
    write_text(results / "report.html", "")
    assert changed.planned("all") == {"report": 1, "all": 1}
    contents = json.loads((results / "index/report.json").read_text())
    write_json(results / "index/report.json", contents | {"tables": {}})
    write_text(results / "landscape/landscape.parquet", "")
    assert changed.planned("all") == {
        "report_contents": 1,
        "landscape_band": 1,
        "figure_of_experiment": 1,
        "table_of_experiment": 2,  # of the band, and of learning rates
        "report": 1,
        "all": 1,
    }


def test_a_report_that_is_not_current_is_left_out(changed):
    report = changed.folder / "results/tiny/report.html"
    write_text(report, report.read_text("utf-8") + " ")
    result = export(changed, "out.tar")
    assert (result.returncode, result.stderr) == (0, "")
    first = result.stdout.splitlines()[0]
    assert first.startswith("results/tiny/report.html: left out: it is not current")
    with tarfile.open(changed.folder / "out.tar") as archive:
        names = archive.getnames()
    assert "tiny/README.md" in names
    assert "tiny/report.html" not in names
