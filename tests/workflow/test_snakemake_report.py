"""`snakemake --report` of a study, and the study in another language."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.workflow.study import Study

pytestmark = pytest.mark.workflow

FIGURE_RULES = {"figure_of_model", "figure_of_experiment", "figure_of_study"}
TABLE_RULES = {"table_of_experiment", "table_of_study"}
PAGE_RULES = {"index", "report", "report_contents"}


def test_every_result_is_in_the_report_with_a_caption_and_a_place(
    study: Study, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    study.run("--report", str(page))
    text = page.read_text(encoding="utf-8")
    results, categories = (
        json.loads(re.search(rf"var {name} = (\{{.*\}});?\n", text)[1])  # type: ignore[index]
        for name in ("results", "categories")
    )
    folder = study.folder / "results" / "tiny"
    there = {
        str(path.relative_to(study.folder))
        for pattern in ("figures/**/*.png", "figures/**/*.html", "tables/**/*.html")
        for path in folder.glob(pattern)
    }
    assert there <= results.keys()
    assert len(there) > 30
    for path in there:
        assert len(results[path]["caption"]) > 50, path
        assert results[path]["labels"]["result"], path
        assert "{" not in "".join(results[path]["labels"].values()), path
    placed = [path for topics in categories.values() for paths in topics.values() for path in paths]
    assert there <= set(placed)
    assert {"Experiment comparison", "Experiment landscape", "The whole study"} == set(categories)
    assert "Other" not in {topic for topics in categories.values() for topic in topics}
    assert "learning rates 1e-3, 2e-3" in text  # the front page


def test_another_language_is_drawn_and_nothing_is_computed(study: Study) -> None:
    chinese = study.with_config("study: tiny\n", "study: tiny\nreport: {language: zh}\n")
    assert (
        study.planned(*chinese, "all").keys() - {"all"} - PAGE_RULES == FIGURE_RULES | TABLE_RULES
    )
