"""The figure and table of docs/exhibits.md: one new folder, and all that follows from it."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.helpers.repository import REPOSITORY
from tests.workflow.clones import copy_checkout
from tests.workflow.study import Study

pytestmark = pytest.mark.workflow
_FILE = re.compile(r"^`(pj2/exhibits/\S+)`:\n\n```python\n(.*?)^```$", re.M | re.S)


FILES = dict(_FILE.findall((REPOSITORY / "docs" / "exhibits.md").read_text("utf-8")))
NAMES = {"__init__.py", "numbers.py", "figure.py", "table.py"}


@pytest.fixture(scope="module")
def clone(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The tiny study, for dry runs of another checkout."""
    return Study(study.folder, copy_checkout(tmp_path_factory.mktemp("extended") / "checkout"))


@pytest.fixture(scope="module")
def planned_without(clone: Study) -> Counter[str]:
    return Counter(clone.planned("all"))


@pytest.fixture(scope="module")
def extended(clone: Study, planned_without: Counter[str]) -> Study:
    """The checkout with the files of the page."""
    assert {Path(name).name for name in FILES} == NAMES
    for name, text in FILES.items():
        (clone.checkout / name).parent.mkdir(exist_ok=True)
        (clone.checkout / name).write_text(text)
    return clone


def python(extended: Study, *arguments: str) -> str:
    done = extended.python(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_pipeline_plans_it_and_draws_nothing_else_again(
    extended: Study, planned_without: Counter[str]
) -> None:
    more = Counter(extended.planned("all")) - planned_without
    assert more - Counter(report=1, all=1) == Counter(
        figure_of_experiment=2, table_of_study=1, report_contents=1
    )
    assert extended.planned("durations")["durations"] == 1


def test_it_has_commands_that_make_it(extended: Study, tmp_path: Path) -> None:
    index = sorted(map(str, extended.folder.glob("results/tiny/index/*/*.json")))
    assert "How long an epoch" in python(extended, "-m", "pj2", "figure", "durations", "--help")
    for kind in ("figure", "table"):
        stem = str(tmp_path / kind)
        python(extended, "-m", "pj2", kind, "durations", *index, "--output", stem)
    assert (tmp_path / "figure.png").stat().st_size > 5000
    assert "VGG_A_BatchNorm" in (tmp_path / "table.csv").read_text()


def test_the_page_and_the_documentation_list_it(extended: Study) -> None:
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1])\n"
        "from exhibit_reference import _markdown\n"
        "from pj2.config.load import load_study\n"
        "from pj2.config.study import list_runs\n"
        "from pj2.exhibits.catalogue import on_page\n"
        "study = load_study('config.yaml')\n"
        "print(json.dumps([list(_markdown()), on_page(study, list_runs(study))]))"
    )
    listed, shown = json.loads(python(extended, "-c", code, str(REPOSITORY / "docs" / "_ext")))
    assert any(line.startswith("| `tables/durations` | The seconds of an epoch") for line in listed)
    assert shown["table"]["durations"] == [[]]
    assert shown["figure"]["durations"] == [["comparison"], ["landscape"]]
