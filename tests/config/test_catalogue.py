"""Model names are known without importing a model."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pj2.config.catalogue import model_modules


def test_names_map_to_their_one_module():
    modules = model_modules()
    assert modules["VGG_A"] == modules["VGG_A_BatchNorm"] == "pj2.models.vgg"
    assert modules["BasicCNN"] == "pj2.models.basic_cnn"


def test_a_new_file_is_found(tmp_path):
    (tmp_path / "mine.py").write_text('@register("Mine")\nclass Mine:\n    pass\n')
    assert model_modules(tmp_path) == {"Mine": "pj2.models.mine"}


def test_two_files_cannot_share_a_name(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text('@register("Same")\nclass Same:\n    pass\n')
    with pytest.raises(ValueError, match=r"Same is registered by .*one and by .*two"):
        model_modules(tmp_path)


def test_reading_a_config_and_showing_help_import_no_torch():
    code = (
        "import sys, pj2.cli.main, pj2.config.study, pj2.config.load, pj2.data.sources;"
        "pj2.config.study.list_runs(pj2.config.load.load_study('config.yaml'));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
