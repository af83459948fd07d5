"""Which modules count as the code of a step, and what a change of them does."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pj2.config.study import RunSettings
from pj2.fingerprint import code as code_module
from pj2.fingerprint.code import PACKAGE_FOLDER, code_of, prediction_code, training_code

MODEL = "pj2.models.vgg"
RUN = {"model": "VGG_A", "learning_rate": 1e-3, "seed": 0}


class Copy:
    """A copy of the package that may be edited."""

    def __init__(self, root: Path) -> None:
        self.root = root
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PACKAGE_FOLDER, root / "pj2", ignore=ignored)

    def append(self, file: str, text: str) -> None:
        path = self.root / "pj2" / file
        path.parent.mkdir(exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(text)

    def run(self, program: str) -> str:
        result = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root)},
        )
        return result.stdout

    def modules(self, call: str) -> dict[str, dict[str, str]]:
        program = (
            "import json\n"
            "from pj2.config.study import RunSettings\n"
            "from pj2.fingerprint.code import code_of, prediction_code, training_code\n"
            f"print(json.dumps({call}.modules))"
        )
        return json.loads(self.run(program))


def code_of_run(**changes):
    return training_code(RunSettings(**RUN | changes))


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


def test_training_code_is_what_an_epoch_runs():
    modules = code_of_run().modules.keys()
    assert {
        "pj2.models.vgg",
        "pj2.models.registry",
        "pj2.models.init",
        "pj2.training.loop",
        "pj2.training.optimizer",
        "pj2.training.optimizers.adam",
        "pj2.training.losses.cross_entropy",
        "pj2.data.augment",
        "pj2.data.batches",
        "pj2.data.split",
        "pj2.evaluation.evaluate",
    } <= modules
    others = {"basic_cnn", "improved_cnn", "residual_cnn"}
    assert not modules & {f"pj2.models.{name}" for name in others}
    assert not modules & {"pj2.training.progress", "pj2.training.job", "pj2.runs.result"}
    never = ("pj2.exhibits", "pj2.cli", "pj2.compare", "pj2.data.sources")
    assert not [name for name in modules if name.startswith(never)]


def test_what_measures_is_in_the_code_of_probed_runs_only():
    plain = code_of_run().modules.keys()
    probed = code_of_run(probe={}).modules.keys()
    assert not [name for name in plain if name.startswith("pj2.geometry")]
    assert {"pj2.geometry.probes", "pj2.geometry.covariate_shift"} <= probed - plain
    assert not probed & {"pj2.geometry.curvature", "pj2.geometry.directions"}


def test_an_optimizer_and_a_loss_are_in_the_code_of_runs_that_use_them_only():
    plain = code_of_run().modules.keys()
    other = code_of_run(optimizer={"name": "sgd"}, loss={"name": "multi_margin"}).modules.keys()
    assert other - plain == {"pj2.training.optimizers.sgd", "pj2.training.losses.multi_margin"}
    assert plain - other == {"pj2.training.optimizers.adam", "pj2.training.losses.cross_entropy"}


def test_what_is_in_a_fingerprint_by_value_is_left_out_of_its_code():
    for code in (code_of_run(), prediction_code("VGG_A")):
        left_out = ("pj2.config", "pj2.store", "pj2.errors", "pj2.fingerprint", "pj2.data.layout")
        assert not [name for name in code.modules if name.startswith(left_out)]
        assert "pj2" not in code.modules


def test_packages_of_modules_run_too():
    assert {"pj2.data", "pj2.models", "pj2.training"} <= code_of_run().modules.keys()


def test_prediction_needs_no_training_code():
    modules = prediction_code("BasicCNN").modules.keys()
    assert {"pj2.evaluation.predict", "pj2.models.basic_cnn"} <= modules
    assert not [name for name in modules if name.startswith("pj2.training")]


def test_packages_have_their_major_and_minor_version():
    packages = code_of_run().packages
    assert {"torch", "numpy"} <= packages.keys()
    assert not packages.keys() & sys.stdlib_module_names
    assert all(re.fullmatch(r"\d+\.\d+", version) for version in packages.values())


def test_a_module_that_does_not_exist():
    with pytest.raises(ValueError, match=r"pj2\.absent: no such module"):
        code_of("pj2.absent")


def test_imports_are_followed_wherever_they_stand(copy):
    copy.append("deep/__init__.py", "LEVEL = 1\n")
    copy.append("deep/one.py", "from pj2.deep import two\n")
    copy.append("deep/two.py", "X = 1\n")
    # Its name only begins like that of a package that is left out.
    copy.append("configured.py", "X = 1\n")
    copy.append(
        "models/vgg.py",
        "\n\ndef later():\n    import pj2.configured\n    from pj2.deep.one import two\n"
        "    return two, pj2.configured\n"
        "\n\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pj2.runs.reading\n",
    )
    found = copy.modules(f"code_of('{MODEL}')").keys()
    new = {"pj2.configured", "pj2.deep", "pj2.deep.one", "pj2.deep.two"}
    assert found - code_of(MODEL).modules.keys() == new


@pytest.mark.parametrize(
    ("file", "text", "changed"),
    [
        ("models/vgg.py", "\nX = 1\n", {("pj2.models.vgg", "(module level)")}),
        ("training/__init__.py", "\nX = 1\n", {("pj2.training", "(module level)")}),
        (
            "training/loop.py",
            "\ndef extra():\n    return 1\n",
            {("pj2.training.loop", "function extra")},
        ),
        ("models/vgg.py", "\n# a comment\n", set()),
        ("models/basic_cnn.py", "\nX = 1\n", set()),
        (
            "training/optimizers/adam.py",
            "\nX = 1\n",
            {("pj2.training.optimizers.adam", "(module level)")},
        ),
        (
            "training/losses/cross_entropy.py",
            "\nX = 1\n",
            {("pj2.training.losses.cross_entropy", "(module level)")},
        ),
        ("training/optimizers/sgd.py", "\nX = 1\n", set()),
        ("training/losses/multi_margin.py", "\nX = 1\n", set()),
        ("exhibits/style.py", "\nX = 1\n", set()),
        ("store/files.py", "\nX = 1\n", set()),
        ("__init__.py", "\n__version__ = '99'\n", set()),
    ],
)
def test_what_an_edit_changes(copy, file, text, changed):
    copy.append(file, text)
    before, after = code_of_run().modules, copy.modules(f"training_code(RunSettings(**{RUN}))")
    assert before.keys() == after.keys()
    found = {
        (module, part)
        for module in before
        for part in before[module].keys() | after[module].keys()
        if before[module].get(part) != after[module].get(part)
    }
    assert found == changed


def test_sources_are_read_once_and_again_when_asked(copy):
    program = """
from pathlib import Path
from pj2.config.study import RunSettings
from pj2.fingerprint.code import PACKAGE_FOLDER, read_sources_again, training_code
settings = RunSettings(model="VGG_A", learning_rate=1e-3, seed=0)
before = training_code(settings).digest
path = PACKAGE_FOLDER / "models" / "vgg.py"
path.write_text(path.read_text() + "X = 1")
assert training_code(settings).digest == before
read_sources_again()
assert training_code(settings).digest != before
"""
    copy.run(program)


def test_no_torch_is_imported():
    program = """
import sys
from pj2.fingerprint.run import prediction_fingerprint
import pj2.runs.check
prediction_fingerprint("0" * 64, "VGG_A", {}, "0" * 64, ["cat"]).digest
assert not {"torch", "torchvision"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_version_of_every_package_is_found_without_reading_all_that_is_installed(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "packages_distributions", dict)
    code_module._version.cache_clear()
    roots = [
        ".".join(("pj2", *path.relative_to(PACKAGE_FOLDER).with_suffix("").parts))
        for path in PACKAGE_FOLDER.rglob("*.py")
        if path.stem not in ("__init__", "__main__")
    ]
    packages = code_of.__wrapped__(*roots).packages
    assert {"torch", "mpl_toolkits", "curvlinops"} <= packages.keys()
    assert "unknown" not in packages.values(), packages
