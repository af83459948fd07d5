"""A study of one's own that uses pj2 as a module, as `pj2 init` writes it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pj2.scaffold.study import new_study
from tests.helpers.repository import REPOSITORY

pytestmark = pytest.mark.workflow
MADE = ("tables/comparison.md", "figures/own.png", "figures/all_models.png")
SMALL = {
    "limit: {train: 300, test: 100}": "limit: {train: 100, test: 20}",
    "models: [BasicCNN, VGG_A_BatchNorm]": "models: [BasicCNN]",
    "epochs: 2": "epochs: 1",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own") / "own-study"
    new_study(folder)
    config = (folder / "config.yaml").read_text()
    for old, new in SMALL.items():
        assert config.count(old) == 1, old
        config = config.replace(old, new)
    (folder / "config.yaml").write_text(config)
    return folder


def call(folder, *arguments, **variables):
    own = {k: v for k, v in os.environ.items() if not k.startswith(("PJ2_", "PYTHON"))}
    own |= {"PJ2_HOME": str(REPOSITORY), "PYTHONPATH": str(REPOSITORY), **variables}
    result = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=own,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout + result.stderr


def snakemake(folder, *arguments, **variables):
    return call(folder, "snakemake", "--cores", "2", *arguments, **variables)


def test_it_runs_with_its_own_rule_and_then_there_is_nothing_to_do(folder):
    code, text = snakemake(folder, "-n")
    assert code == 0, text[-8000:]
    assert {"rule own_figure:", "rule report:"} <= set(text.splitlines())
    targets = [f"results/own_study/{made}" for made in MADE]
    code, text = snakemake(folder, *targets)
    assert code == 0, text[-8000:]
    assert all((folder / target).exists() for target in targets)
    assert (folder / ".pj2" / "store" / "entries").is_dir()
    assert not (folder / "workflow").exists()
    code, text = snakemake(folder, *targets)
    assert code == 0
    assert "Nothing to be done" in text

    code, text = call(folder, "pj2", "why", "model=BasicCNN")
    assert code == 0
    assert "current: made with these settings" in text

    # What is in results/ goes to a store that was lost before it is made again: the
    # module's onstart handler is called.
    (folder / ".pj2" / "store").rename(folder / "lost")
    code, text = snakemake(folder, "--forcerun", "train", "--until", "train")
    assert code == 0, text[-4000:]
    assert "restored from the store and verified" in text


def test_mistakes_are_said_with_the_right_file(folder):
    config = folder / "config.yaml"
    sound = config.read_text()
    config.write_text(sound.replace("epochs:", "epoch:"))
    try:
        code, text = snakemake(folder, "-n")
    finally:
        config.write_text(sound)
    assert code == 2
    assert "config.yaml: experiments.first.epoch: unknown key (did you mean epochs?)" in text
    code, text = snakemake(folder, "-n", PJ2_HOME="/nowhere")
    assert code == 1
    assert "/nowhere: not a clone of pj2; set PJ2_HOME" in text
