"""Model names are known without importing a model."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pj2.config.catalogue import (
    ACTIVATIONS,
    LOSSES,
    MODELS,
    OPTIMIZERS,
    Catalogue,
    resolved_options,
)
from pj2.errors import UserError


def models_in(folder):
    return Catalogue("model", "pj2.models", folder)


def test_names_map_to_their_one_module():
    modules = MODELS.modules()
    assert modules["VGG_A"] == modules["VGG_A_BatchNorm"] == "pj2.models.vgg"
    assert modules["BasicCNN"] == "pj2.models.basic_cnn"


def test_a_new_file_is_found(tmp_path):
    (tmp_path / "mine.py").write_text('@register("Mine")\nclass Mine:\n    pass\n')
    assert models_in(tmp_path).modules() == {"Mine": "pj2.models.mine"}


def test_two_files_cannot_share_a_name(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text('@register("Same")\nclass Same:\n    pass\n')
    with pytest.raises(UserError, match=r"model Same is registered by .*one and by .*two"):
        models_in(tmp_path).modules()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('@register("[x](y)")\nclass Mine:\n    pass\n', "mine.py: model '[x](y)': a name is"),
        ('@register("Mine")\nclass Mine\n    pass\n', "mine.py, line 2: "),
    ],
)
def test_a_file_that_cannot_be_a_model_is_named(tmp_path, source, words):
    (tmp_path / "mine.py").write_text(source)
    with pytest.raises(UserError) as caught:
        models_in(tmp_path).modules()
    (line,) = caught.value.problems
    assert words in line


def test_a_model_is_described_by_its_docstring_and_those_of_what_it_is_built_on(tmp_path):
    (tmp_path / "mine.py").write_text(
        'class Base:\n    """Layers.\n\n    Args:\n        width: of them.\n    """\n'
        '@register("Mine")\nclass Mine(Base):\n    """More layers."""\n'
        '@register("Plain")\ndef plain(num_classes=10):\n    pass\n'
    )
    assert models_in(tmp_path).docstring("Mine") == "More layers.\n\nBase: Layers."
    assert models_in(tmp_path).docstring("Plain") == ""


def test_reading_a_config_and_showing_help_import_no_torch():
    code = (
        "import sys, pj2.cli.main, pj2.config.study, pj2.config.load, pj2.data.sources;"
        "pj2.config.study.list_runs(pj2.config.load.load_study('config.yaml'));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_options_are_the_constructors_own_arguments_with_their_defaults():
    options = MODELS.options("ImprovedCNN")
    assert {name: option.default for name, option in options.items()} == {
        "width": 1.0, "activation": "relu", "batch_norm": True, "dropout": 0.5,
    }  # fmt: skip
    assert MODELS.options("VGG_A_BatchNorm") == MODELS.options("VGG_A")  # inherited
    assert MODELS.options("VGG_A_NoisyBatchNorm") == MODELS.options("VGG_A")  # from another file


def test_options_of_a_model_of_ones_own(tmp_path):
    (tmp_path / "mine.py").write_text(
        '@register("Mine")\nclass Mine:\n'
        "    def __init__(self, num_classes: int = 10, depth: int = 3, *, name: str = 'x'): ...\n"
    )
    options = models_in(tmp_path).options("Mine")
    assert {name: (o.kind, o.default) for name, o in options.items()} == {
        "depth": ("int", 3), "name": ("str", "x"),
    }  # fmt: skip


def test_optimizers_and_losses_are_registered_as_models_are():
    assert OPTIMIZERS.modules() == {
        "adam": "pj2.training.optimizers.adam",
        "adamw": "pj2.training.optimizers.adam",
        "sgd": "pj2.training.optimizers.sgd",
    }
    assert OPTIMIZERS.options("sgd").keys() == {"weight_decay", "momentum", "nesterov"}
    assert {name: [*LOSSES.options(name)] for name in LOSSES.modules()} == {
        "cross_entropy": ["label_smoothing"], "multi_margin": [], "squared_error": [],
    }  # fmt: skip


def test_what_equals_the_default_is_left_out_and_numbers_are_numbers():
    given = {"dropout": "5e-1", "width": 2, "batch_norm": True}
    assert resolved_options("ImprovedCNN", given) == {"width": 2.0}
    assert isinstance(resolved_options("ImprovedCNN", given)["width"], float)


def test_the_activations_are_those_that_the_models_make():
    from pj2.models.options import make_activation

    assert [type(make_activation(name)).__name__ for name in ACTIVATIONS] == [
        "ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Tanh", "Sigmoid",
    ]  # fmt: skip
