"""`pj2 plan`: seeds and hours of a difference, from a study's runs or a stated spread."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pj2.cli.main import app
from pj2.compare.power import Spread, seeds_needed
from pj2.errors import UserError
from tests.helpers.made_up import make_run

CONFIG = """\
study: small
experiments:
  one:
    models: [BasicCNN, VGG_A]
    learning_rates: [1e-3]
    seeds: {seeds}
    batch_size: 10
    epochs: 1
    patience: null
    precision: fp32
"""
IMAGES = 200


def study(root: Path, monkeypatch: pytest.MonkeyPatch, seeds: int, finished: int) -> None:
    """A study of two models, 2 seconds a run, of which so many seeds are finished."""
    monkeypatch.chdir(root)
    Path("config.yaml").write_text(CONFIG.format(seeds=seeds))
    for seed in range(finished):
        for model in ("BasicCNN", "VGG_A"):
            make_run(
                root / "results/small", model, [2.0], seed=seed, experiment="one",
                labels=[0] * IMAGES, predicted=(~right(model, seed)).astype(int).tolist(),
            )  # fmt: skip


def right(model: str, seed: int) -> np.ndarray:
    source = np.random.default_rng([seed, len(model)])
    return source.random(IMAGES) < 0.9 + 0.02 * seed


def planned(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["plan", *arguments])
    if result.exception:
        raise result.exception
    return result.output


def test_seeds_and_hours_follow_from_the_runs(tmp_path, monkeypatch):
    study(tmp_path, monkeypatch, seeds=4, finished=3)
    (row,) = json.loads(planned("--difference", "6", "--json"))
    spread = Spread.of(
        *(np.stack([right(model, seed) for seed in range(3)]) for model in ("BasicCNN", "VGG_A"))
    )
    assert (row["model"], row["other"], row["seeds"]) == ("BasicCNN", "VGG_A", 3)
    assert row["needed"] == seeds_needed(0.06, 0.8, spread)
    assert row["needed_at_most"] == seeds_needed(0.06, 0.8, spread.at_most)
    assert row["needed"] > 3
    assert row["hours"] == pytest.approx((row["needed"] - 3) * 4 / 3600)
    assert [row["spread"], row["spread_low"], row["spread_high"]] == pytest.approx(
        [spread.seeds**0.5, *spread.interval]
    )
    assert row["model"] in planned("--difference", "6")


def test_hours_are_those_of_every_learning_rate(tmp_path, monkeypatch):
    """A further seed trains both models at each of their rates: 2 + 10 and 2 seconds."""
    study(tmp_path, monkeypatch, seeds=1, finished=1)
    config = Path("config.yaml").read_text()
    other = "    overrides: {BasicCNN: {learning_rates: [1e-3, 1e-2]}}\n"
    Path("config.yaml").write_text(config + other)
    make_run(
        tmp_path / "results/small", "BasicCNN", [2.0], lr="0.01", experiment="one", val=(0.1,),
        labels=[0] * IMAGES, predicted=[0] * IMAGES, seconds=10.0,
    )  # fmt: skip
    (row,) = json.loads(planned("--difference", "1", "--spread", "0.4", "--json"))
    assert row["needed"] == 5
    assert row["hours"] == pytest.approx(4 * 14 / 3600)


def test_a_stated_spread_is_that_of_each_model(tmp_path, monkeypatch):
    study(tmp_path, monkeypatch, seeds=1, finished=1)
    arguments = ("--difference", "1", "--spread", "0.4", "--json")
    (row,) = json.loads(planned(*arguments))
    assert row["spread"] == pytest.approx(0.004 * 2**0.5)
    assert row["needed"] == 5
    assert row["needed_at_most"] is None
    assert row["hours"] == pytest.approx(4 * 4 / 3600)
    more = json.loads(planned(*arguments, "--power", "0.95"))[0]["needed"]
    assert more == seeds_needed(0.01, 0.95, Spread.stated(0.004)) > 5


def test_a_stated_spread_needs_no_runs(tmp_path, monkeypatch):
    study(tmp_path, monkeypatch, seeds=1, finished=0)
    (row,) = json.loads(planned("--difference", "1", "--spread", "0.4", "--json"))
    assert (row["needed"], row["hours"]) == (5, None)


@pytest.mark.parametrize("finished", [0, 1])
def test_without_a_spread_it_says_what_to_give(tmp_path, monkeypatch, finished):
    study(tmp_path, monkeypatch, seeds=2, finished=finished)
    with pytest.raises(UserError, match=r"config.yaml: no two models .*; state it, --spread 0.4"):
        planned("--difference", "1")


def test_what_the_images_leave_open_is_said(tmp_path, monkeypatch):
    study(tmp_path, monkeypatch, seeds=3, finished=3)
    assert "only more test images can settle it" in planned("--difference", "0.1")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--difference", "0"), "--difference 0: expected points above 0"),
        (("--difference", "nan"), "--difference nan: expected points above 0"),
        (("--difference", "1", "--power", "1"), "--power 1: expected"),
        (("--difference", "1", "--spread", "-1"), "--spread -1: expected"),
    ],
)
def test_a_goal_that_cannot_be_is_one_line(arguments, expected):
    with pytest.raises(UserError) as error:
        planned(*arguments)
    (line,) = error.value.problems
    assert line.startswith(expected)
