"""A tiny study, run once for all the tests of this folder by a real snakemake."""

from __future__ import annotations

import pytest
from filelock import FileLock

from tests.workflow.study import CONFIG, Study


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Study:
    """The study, run once for all workers: no test changes it or its store."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    study = Study(shared / "elsewhere")
    with FileLock(shared / "elsewhere.lock"):
        if not (study.folder / "printed").exists():
            study.folder.mkdir(exist_ok=True)
            (study.folder / "config.yaml").write_text(CONFIG)
            (study.folder / "printed").write_text(study.run("all"))
    return study
