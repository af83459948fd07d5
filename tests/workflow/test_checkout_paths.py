"""A checkout below any folder: its own package runs, or nothing does."""

from __future__ import annotations

import shlex

import pytest

from tests.helpers.repository import REPOSITORY
from tests.workflow.study import CONFIG, Study

pytestmark = pytest.mark.workflow


@pytest.fixture
def below(tmp_path):
    """Make a study whose checkout lies below a folder of some name."""

    def make(name):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pj2").symlink_to(REPOSITORY)
        (tmp_path / "config.yaml").write_text(CONFIG)
        return Study(tmp_path, checkout=tmp_path / name / "pj2")

    return make


@pytest.mark.parametrize("name", ["a:b", "a{b}", "a}b"])
def test_a_path_that_jobs_cannot_be_told_is_refused(below, name):
    result = below(name).snakemake("-n")
    assert result.returncode == 2
    assert f"{name}/pj2: its path has " in result.stderr
    assert "Traceback" not in result.stderr


def test_blanks_and_quotes_in_the_path_are_quoted(below):
    study = below("it's a folder")
    result = study.snakemake("-n", "--printshellcmds", "results/tiny/tables/published.md")
    assert result.returncode == 0, result.stderr
    (command,) = [line for line in result.stdout.splitlines() if "--claims" in line]
    words = shlex.split(command)
    assert words[words.index("--claims") + 1] == str(study.checkout / "workflow/published.yaml")
