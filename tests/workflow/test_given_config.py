"""What Snakemake reads of a config, before pj2 does, is what was written."""

from __future__ import annotations

import pytest

from tests.workflow.study import CONFIG, Study

pytestmark = pytest.mark.workflow


@pytest.fixture
def small(tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG)
    return Study(tmp_path)


@pytest.mark.parametrize("flag", [[], ["--configfile", "config.yaml"]])
def test_what_yaml_reads_in_two_ways_ends_the_start(small, flag):
    config = small.folder / "config.yaml"
    config.write_text(CONFIG + "  comparison: {models: [VGG_A], learning_rates: [1e-3]}\n")
    result = small.snakemake("-n", *flag)
    assert result.returncode == 2
    line = CONFIG.count("\n") + 1
    assert f"config.yaml, line {line}, column 3: the key comparison is already" in result.stderr
    config.write_text(CONFIG.replace("epochs: 2", "epochs: 010"))
    result = small.snakemake("-n", *flag)
    assert result.returncode == 2
    assert "config.yaml, line 12, column 13: 010 is 8 to YAML 1.1" in result.stderr


def test_numbers_inside_a_section_of_the_command_line(small):
    given = ["dataset={limit: {train: 60}}", "experiments={comparison: {seeds: 2, patience: null}}"]
    assert small.planned("--configfile", "config.yaml", "--config", *given, "--")["train"] == 8
