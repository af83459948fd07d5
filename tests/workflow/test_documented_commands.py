"""Every command that README.md and the pages of docs/ show is run here, or says why not."""

from __future__ import annotations

import re
import shlex
from glob import glob
from pathlib import Path

import pytest

from tests.helpers.repository import REPOSITORY
from tests.workflow.study import Study

pytestmark = pytest.mark.workflow

# A log repeats what was once run.
DOCS = {*REPOSITORY.glob("docs/**/*.md")} - {*REPOSITORY.glob("docs/log/**/*.md")}
PAGES = [REPOSITORY / "README.md", *sorted(DOCS)]
FENCED = re.compile(r"^ *```([^\n`]*)\n(.*?)^ *```", re.M | re.S)
SHELL = ("", "sh", "console")
COMMAND = re.compile(r"(?:[A-Z_0-9]+=\S+ +)*(?:make|snakemake|pj2|python|pip) ")

# What a reader's study is called, and what stands in its place here.
NAMES = {
    "compare default seeds": "compare tiny tiny",
    "results/default/runs/experiment=comparison/model={BasicCNN,ResidualCNN}": (
        "results/tiny/runs/experiment=landscape/model=VGG_A "
        "results/tiny/runs/experiment=landscape/model=VGG_A_BatchNorm"
    ),
    "results/default": "results/tiny",
    "results/<study>": "results/tiny",
    "--claims homework.yaml": f"--claims {REPOSITORY}/workflow/published.yaml",
    "lr=1e-4": "lr=0.001",
    "compare lr=0.001 lr=0.003": (
        "compare results/tiny/runs/experiment=landscape/model=VGG_A/lr=0.001 "
        "results/tiny/runs/experiment=landscape/model=VGG_A/lr=0.002"
    ),
    "plan --difference 1.0": "plan --difference 1.0 --spread 0.4",
    "--spread 0.4 --spread 0.4": "--spread 0.4",
    "--config config/seeds.yaml": f"--config {REPOSITORY}/config/seeds.yaml",
}
NOT_RUN = {
    r"PJ2_DATA=": "reads images that the reader has: tests/data",
    r".* durations": "is of the example's own: test_new_exhibit.py runs it",
    r"make (bench|docs|lint|format|lock|translations)": "is a developer's",
    r"make (run|test|dry-run)": "sets up an environment; a clean clone is tried before a release",
    r"pip install": "installs from a package index",
    r".*profiles/(slurm|cluster-generic)": "needs a scheduler: tests/slurm",
    r"snakemake .*(--cache|storage)": "test_recovery.py and test_no_shared_disk.py run it",
    r"snakemake .*--report": "test_snakemake_report.py runs it",
    r"pj2 (watch|--install-completion|--show-completion|--debug)": "is for a terminal: tests/cli",
    r"pj2 (init|new-model)": "writes files: tests/scaffold run it",
    r"pj2 store (export|import|verify-bundle)|pj2 status --json \|": "tests/cli run it",
    r"python -m benchmarks": "measures for an hour: tests/benchmarks run its parts",
}


def commands() -> list[tuple[str, str]]:
    """Return each command, without its comment, and the page that shows it first."""
    found: dict[str, str] = {}
    for page in PAGES:
        for language, block in FENCED.findall(page.read_text(encoding="utf-8")):
            if language not in SHELL:
                continue
            for line in re.sub(r"\\\n\s*", "", block).splitlines():
                command = re.split(r"\s+#", line.strip().removeprefix("$ "))[0]
                if COMMAND.match(f"{command} "):
                    found.setdefault(command, page.stem)
    return list(found.items())


def reason(command: str) -> str | None:
    """Return why a command is not run."""
    return next((why for pattern, why in NOT_RUN.items() if re.match(pattern, command)), None)


@pytest.mark.parametrize(("command", "page"), [each for each in commands() if not reason(each[0])])
def test_a_documented_command_does_what_it_is_shown_for(
    command: str, page: str, study: Study, tmp_path: Path
) -> None:
    for shown, here in NAMES.items():
        command = command.replace(shown, here)
    folder = study.folder
    words = shlex.split(command.replace("--output ", f"--output {tmp_path}/"))
    if "snakemake" in words:
        at = words.index("snakemake") + 1
        arguments = [word.replace("config/", f"{REPOSITORY}/config/") for word in words[at:]]
        if page == "landscape":  # its targets are of a study that measures them
            arguments += ["--configfile", f"{REPOSITORY}/config/batchnorm.yaml"]
        elif "--configfile" not in arguments:
            (tmp_path / "config.yaml").write_text((REPOSITORY / "config.yaml").read_text())
        result = Study(tmp_path).snakemake("-n", *arguments)
    else:
        assert words[0] == "pj2", f"{command}: is run by no test; say why in NOT_RUN"
        words = [file for word in words for file in sorted(glob(word, root_dir=folder)) or [word]]
        result = study.python("-m", *words)
    allowed = (0, 1) if words[:2] == ["pj2", "doctor"] else (0,)  # 1: it found something
    assert result.returncode in allowed, result.stdout + result.stderr


def test_no_reason_is_left_over() -> None:
    unused = [p for p in NOT_RUN if not any(re.match(p, command) for command, _ in commands())]
    assert unused == []
