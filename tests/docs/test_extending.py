"""What docs/extending.md adds to training: written into a copy of pj2, and trained with."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from pj2.config.study import RunSettings
from pj2.fingerprint.code import training_code
from tests.helpers.repository import REPOSITORY
from tests.workflow.clones import copy_package

PAGE = (REPOSITORY / "docs/extending.md").read_text("utf-8")
CODE = r":\n\n```python\n(.*?)^```$"
FILES = dict(re.findall(rf"^`(pj2/(?:models|training)/\S+)`{CODE}", PAGE, re.M | re.S))
EDITS = re.findall(rf"^In `(pj2/\S+)`, below `(.*?)`{CODE}", PAGE, re.M | re.S)
# Every example in YAML: one names a data set, the others are keys of an experiment.
KEYS = {
    key: value
    for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S)
    for key, value in yaml.safe_load(text).items()
}
CLASSES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
PLAIN = RunSettings(model="BasicCNN", learning_rate=1e-3, seed=0)


class Extended:
    """A working directory whose pj2 has what the page adds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        copy_package(folder)
        for name, text in FILES.items():
            (folder / name).write_text(text)
        for name, line, text in EDITS:
            before = (folder / name).read_text()
            assert before.count(f"{line}\n") == 1
            (folder / name).write_text(before.replace(f"{line}\n", f"{line}\n{text}"))

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        own = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONSAFEPATH": "1"}
        return subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=own, capture_output=True, text=True
        )

    def say(self, *arguments: str) -> str:
        done = self.python(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def write_config(self, **changes: object) -> None:
        experiment = {key: value for key, value in KEYS.items() if key != "dataset"}
        experiment |= {"learning_rates": 1e-3, "batch_size": 8, "epochs": 1}
        experiment |= {"validation_fraction": 0.25, "precision": "fp32"}
        dataset = {"name": KEYS["dataset"]["name"], "source": "imagefolder", "path": "images"}
        study = {"study": "s", "dataset": dataset, "experiments": {"mine": experiment | changes}}
        (self.folder / "config.yaml").write_text(yaml.safe_dump(study))


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Extended:
    """The copy, and a run of it on some images of 28 x 28 pixels."""
    here = Extended(tmp_path_factory.mktemp("extended"))
    noise = np.random.default_rng(0)
    for split, images in (("train", 4), ("test", 1)):
        for name in CLASSES:
            folder = here.folder / "images" / split / name
            folder.mkdir(parents=True)
            for index in range(images):
                pixels = noise.integers(0, 256, (28, 28), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")
    here.write_config()
    program = (
        "from pj2.config.load import load_study\n"
        "from pj2.config.study import list_runs\n"
        "study = load_study('config.yaml')\n"
        "print(study.dataset.model_dump_json())\n"
        "print(list_runs(study)[0].settings.canonical())"
    )
    dataset, settings = here.say("-c", program).splitlines()
    here.say("-m", "pj2", "prepare", "--dataset", dataset, "--output", "data")
    here.say("-m", "pj2", "train", "--settings", settings, "--data", "data", "--output", "run",
             "--device", "cpu")  # fmt: skip
    return here


def test_a_run_has_all_that_the_page_adds(extended: Extended) -> None:
    assert len(FILES) == 4
    run = json.loads((extended.folder / "run" / "run.json").read_text())
    assert run["status"] == "completed"
    assert (run["data"]["name"], run["data"]["train_images"]) == ("kmnist", 30)
    settings = run["settings"]
    assert (settings["model"], settings["architecture"]) == ("Linear", {"dropout": 0.2})
    assert settings["optimizer"] == {"name": "rmsprop", "alpha": 0.9, "weight_decay": 0.0}
    assert settings["loss"] == {"name": "focal", "gamma": 1.0}
    modules = {name.removesuffix(".py").replace("/", ".") for name in FILES}
    assert modules <= run["code"]["modules"].keys()
    steps = pd.read_parquet(extended.folder / "run" / "steps.parquet")
    assert list(steps.columns) == ["step", "epoch", "loss", "grad_norm", "largest_gradient"]
    assert (steps.largest_gradient > 0).all()
    assert (steps.largest_gradient < steps.grad_norm).all()


def test_runs_without_it_have_the_fingerprint_that_they_had(extended: Extended) -> None:
    program = (
        "import sys\n"
        "from pj2.config.study import parse_settings\n"
        "from pj2.fingerprint.code import training_code\n"
        "print(training_code(parse_settings(sys.argv[1])).digest)"
    )
    found = extended.say("-c", program, PLAIN.canonical())
    assert found.strip() == training_code(PLAIN).digest


def test_mistakes_in_its_options_are_named(extended: Extended) -> None:
    extended.write_config(
        optimizer={"name": "rmsprop", "alpah": 0.9},
        loss={"name": "focal", "gamma": -1},
        quantities=["largest"],
    )
    checked = extended.python("-m", "pj2", "check", "config.yaml")
    assert checked.returncode == 2
    assert "optimizer.alpah: unknown key (did you mean alpha?)" in checked.stderr
    assert "loss.gamma: found -1: expected a number of at least 0" in checked.stderr
    assert "quantities.0: found 'largest': no such quantity" in checked.stderr
