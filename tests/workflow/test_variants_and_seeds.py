"""A study of variants and seeds: what is trained, what comes from the store, what is drawn."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.clones import TRAINING, new_study

pytestmark = pytest.mark.workflow

CONFIG = """\
study: {name}
dataset:
  source: sample
  limit: {{train: 100, test: 40}}
experiments:
  ablation:
    models: [BasicCNN]
    learning_rates: [1e-2]
    seeds: {seeds}
    batch_size: 16
    epochs: 1
    variants:
      architecture.dropout: [0, 0.5]
      loss:
        cross_entropy: {{}}
        hinge: {{loss: {{name: multi_margin}}}}
"""
TARGETS = (
    *("pairwise", "ablations", "calibration", "efficiency"),
    *(f"results/two/tables/{table}.csv" for table in ("summary", "comparison")),
)
VARIANTS = {
    f"BasicCNN.dropout-{p}.loss-{loss}" for p in ("0", "0.5") for loss in ("cross_entropy", "hinge")
}


def trained(folder: Path, name: str) -> set[tuple[str, str]]:
    """The (variant, seed) of every run whose job made an epoch."""
    logs = folder.glob(f"results/{name}/logs/train/ablation/*/*/*.log")
    return {
        (log.parts[-3], log.stem.removeprefix("seed="))
        for log in logs
        if re.search(r"epoch \d+/", log.read_text())
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One seed of four variants, and then two seeds under another name, in one store."""
    folder = tmp_path_factory.mktemp("variants")
    new_study(folder, CONFIG.format(name="one", seeds=1)).run(*TRAINING)
    new_study(folder, CONFIG.format(name="two", seeds=2)).run(*TARGETS)
    return folder


def test_only_the_seeds_that_are_new_are_trained(folder):
    assert trained(folder, "one") == {(variant, "0") for variant in VARIANTS}
    assert trained(folder, "two") == {(variant, "1") for variant in VARIANTS}
    runs = list(folder.glob("results/two/runs/experiment=ablation/*/lr=0.01/*/run.json"))
    assert len(runs) == 8


def test_tables_go_over_seeds_and_factors(folder):
    tables = folder / "results" / "two" / "tables"
    summary = pd.read_csv(tables / "summary.csv")
    assert set(summary["model"]) == VARIANTS
    assert summary["seeds"].tolist() == [2] * 4
    runs = pd.read_csv(tables / "comparison.csv")
    means = runs.groupby("model", sort=False)["test_accuracy"].mean()
    assert summary["test_mean"].tolist() == pytest.approx(means.tolist())
    pairs = pd.read_csv(tables / "pairwise" / "ablation.csv")
    assert len(pairs) == 6
    gaps = [means[row.model] - means[row.other] for row in pairs.itertuples()]
    assert pairs["difference"].tolist() == pytest.approx(gaps)
    factors = pd.read_csv(tables / "factors" / "ablation.csv")
    assert factors[["factor", "level"]].to_numpy().tolist() == [
        ["dropout", "0"], ["dropout", "0.5"], ["loss", "cross_entropy"], ["loss", "hinge"],
        ["dropout × loss", "0.5 × hinge"],
    ]  # fmt: skip


def test_every_figure_of_the_statistics_is_drawn(folder):
    figures = folder / "results" / "two" / "figures"
    stems = ["efficiency", *(f"{k}/ablation" for k in ("reliability", "differences", "factors"))]
    missing = [s for s in stems if not (figures / f"{s}.png").stat().st_size]
    assert missing == []


def test_a_second_run_does_nothing(folder):
    study = new_study(folder, CONFIG.format(name="two", seeds=2))
    assert study.planned(*TARGETS) == {}
