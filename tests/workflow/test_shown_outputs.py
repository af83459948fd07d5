"""The outputs that README.md and the pages of docs/ show have the words of real ones.

Numbers and names of runs depend on the study. Words, headings and their order do not: each shown
line is compared with the lines that the same command prints about the tiny study.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from pj2.cli.status_view import view
from pj2.runs.status import RunStatus
from tests.helpers.repository import REPOSITORY
from tests.workflow.study import Study
from tests.workflow.test_documented_commands import FENCED, PAGES

pytestmark = pytest.mark.workflow

# What depends on the study, each with what stands for it; in this order.
SAME = {
    r"(results/\w+/runs/)?experiment=\S+/seed=\d+": "RUN",
    r"\bstore (/|s3:/)\S+:": "store:",
    r"(?<![^\s…])[/…]\S*/(?=[\w.])": "",  # the folder of a file
    r"\b[0-9a-f]{64}|\b[0-9a-f]{4}…": "DIGEST",
    r"\b(default|tiny): ": "STUDY: ",
    r"\blr=\S+": "SIDE",
    r"not reachable \(.*?\);": "not reachable (REASON);",
    r"[+−-]?\b\d[\d.,:]*": "#",
    r"\b[kMG]B\b": "MB",
}


def cells(text: str) -> list[str]:
    """Return the words of each cell of each line, or of a line that has none."""
    for pattern, instead in SAME.items():
        text = re.sub(pattern, instead, text)
    parts = re.split(r"\n|  +|…|[─-]{3,}", text.lower())
    return [" ".join(part.split()) for part in parts if re.search("[a-z]", part)]


def shown() -> list[tuple[str, str, list[str]]]:
    """Return the page, the command and the output of each output; the command may be missing."""
    found = []
    for page in PAGES:
        for language, block in FENCED.findall(page.read_text(encoding="utf-8")):
            if language == "console":
                parts = re.split(r"^\$ ", block, flags=re.M)[1:]
                commands = [part.partition("\n") for part in parts]
            elif language == "text":
                commands = [("", "", block)]
            else:
                continue
            for command, _, output in commands:
                if lines := [line for line in output.splitlines() if line.strip(" …")]:
                    found.append((page.stem, command, lines))
    return found


def pj2(study: Study, *words: str | Path, **variables: str) -> str:
    result = study.python("-m", "pj2", *words, **variables)
    return result.stdout + result.stderr


def plan_of_default(study: Study, folder: Path) -> str:
    (folder / "config.yaml").write_text((REPOSITORY / "config.yaml").read_text())
    result = Study(folder).snakemake("-n")
    return result.stdout + result.stderr


def another_rate(study: Study, folder: Path) -> str:
    text = (study.folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("[1e-2, 1e12]", "[2e-2, 1e12]"))
    return pj2(study, "why", "experiment=comparison", "--config", folder / "config.yaml")


def three_seeds(study: Study, folder: Path) -> str:
    text = (REPOSITORY / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("    seeds: 2", "    seeds: 3"))
    return pj2(Study(folder), "check")


def two_rates(study: Study, folder: Path) -> str:
    runs = study.folder / "results/tiny/runs/experiment=landscape/model=VGG_A"
    return pj2(study, "compare", runs / "lr=0.001", runs / "lr=0.002")


def train(study: Study, folder: Path, **variables: str) -> str:
    """Do in another folder what the training job of one of the study's runs does."""
    run = "results/tiny/runs/experiment=comparison/model=BasicCNN/lr=0.01/seed=0"
    settings = json.loads((study.folder / run / "run.json").read_text())["settings"]
    (data,) = (study.folder / "results" / "data").iterdir()
    options = ("--settings", json.dumps(settings), "--data", data, "--output", run)
    return pj2(Study(folder), "train", *options, "--device", "cpu", **variables)


def restored(study: Study, folder: Path) -> str:
    return train(study, folder, PJ2_STORE=str(study.folder / ".pj2" / "store"))


def without_remote(study: Study, folder: Path) -> str:
    nobody = "s3://lab/store?endpoint_override=127.0.0.1:9&scheme=http"
    return train(study, folder, PJ2_STORE_REMOTE=nobody)


def of_the_study(study: Study, folder: Path) -> str:
    return (study.folder / "printed").read_text()


def exported(study: Study, folder: Path) -> str:
    return pj2(study, "store", "export", folder / "runs.tar", "--config", "config.yaml")


def imported(study: Study, folder: Path) -> str:
    exported(study, folder)
    return pj2(Study(folder), "store", "import", "runs.tar")


def published(study: Study, folder: Path) -> str:
    return pj2(study, "store", "export", folder / "published", "--study", "config.yaml")


def of_every_state(study: Study, folder: Path) -> str:
    run = RunStatus("landscape", "VGG_A", 1e-3, 0, "waiting", 2, "log", "0")
    going = {"step": 64, "steps": 338, "images_per_second": 26.0, "seconds_left": 169.0}
    runs = [
        replace(run, experiment="comparison", model="BasicCNN", state="done", epoch=2),
        replace(run, state="done", epoch=2, restored=True),
        run,
        replace(run, model="VGG_A_BatchNorm", state="running", epoch=1, loss=2.0, **going),
        replace(run, experiment="probes", state="running", epoch=1, val_accuracy=0.2, **going),
    ]
    output = io.StringIO()
    console = Console(file=output, width=120)
    console.print(view("default", runs, console, 24))
    return output.getvalue()


# How an output is made here, by what its command or its first line begins with.
MAKES: dict[str, Callable[[Study, Path], str]] = {
    "Job stats:": plan_of_default,
    "pj2 why": another_rate,
    "make run": of_the_study,
    "snakemake landscape_plot": of_the_study,
    "pj2 compare": two_rates,
    "pj2 check": three_seeds,
    "results/": restored,
    "store /": without_remote,
    "pj2 store export runs.tar": exported,
    "pj2 store import": imported,
    "pj2 store verify": lambda study, folder: pj2(study, "store", "verify"),
    "pj2 store export published": published,
    "default: ": of_every_state,
    "# default": of_the_study,
}


@pytest.fixture(scope="module")
def made() -> dict[Callable[[Study, Path], str], str]:
    """What each function of MAKES returned, so that none runs twice."""
    return {}


@pytest.mark.parametrize(("page", "command", "lines"), shown())
def test_a_shown_output_has_the_words_of_a_real_one(page, command, lines, study, made, tmp_path):
    (make,) = (make for begin, make in MAKES.items() if (command or lines[0]).startswith(begin))
    if make not in made:
        made[make] = "\n".join(cells(make(study, tmp_path)))
    real = made[make]
    assert [cell for cell in cells("\n".join(lines)) if cell not in real] == [], real
