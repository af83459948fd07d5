"""What each factor of the variants is worth: numbers and table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pj2.errors import UserError
from pj2.exhibits.factors.figure import plot_factors
from pj2.exhibits.factors.numbers import (
    factor_levels,
    level_means,
    main_effects,
    variant_accuracies,
)
from pj2.exhibits.factors.table import factors_table
from pj2.exhibits.format import write_all_formats
from pj2.runs.reading import RunRecord, load_runs
from tests.helpers.made_up import make_index, make_run, squeezed

LABELS = [0, 1, 2, 3] * 25
# batch_norm is worth 10 points at seed 0 and 6 at seed 1, dropout 1 point, smoothing nothing.
NORM = {0: 10, 1: 6}


def accuracy_of(norm: str, dropout: str, seed: int) -> int:
    return 60 + NORM[seed] * (norm == "on") + (dropout == "0.5") - seed


def make_variants(root: Path) -> list[Path]:
    runs = []
    for norm in ("off", "on"):
        for dropout in ("0", "0.5"):
            for seed in (0, 1):
                right = accuracy_of(norm, dropout, seed)
                guesses = [(label + (place >= right)) % 4 for place, label in enumerate(LABELS)]
                label = f"Net.batch_norm-{norm}.dropout-{dropout}"
                settings = {"model": "Net", "loss": {"label_smoothing": 0.0}}
                runs.append(
                    make_run(
                        root, label, [2.0], seed=seed, labels=LABELS, predicted=guesses,
                        variant={"batch_norm": norm, "dropout": dropout}, settings=settings,
                    )
                )  # fmt: skip
    return make_index(root, runs)


def made(root: Path) -> list[RunRecord]:
    return load_runs(make_variants(root))


def test_every_variant_and_seed_is_a_row(tmp_path: Path) -> None:
    runs = made(tmp_path)
    assert factor_levels(runs) == {"batch_norm": ["off", "on"], "dropout": ["0", "0.5"]}
    frame = variant_accuracies(runs)
    assert len(frame) == 8
    row = frame[(frame["batch_norm"] == "on") & (frame["dropout"] == "0.5") & (frame["seed"] == 1)]
    assert row[["architecture", "lr", "accuracy"]].to_numpy().tolist() == [["Net", "0.001", 0.66]]


def test_effects_are_over_pairs_that_differ_in_one_factor_then_over_seeds(tmp_path: Path) -> None:
    runs = made(tmp_path)
    effects = main_effects(variant_accuracies(runs), factor_levels(runs)).set_index("factor")
    norm = effects.loc["batch_norm"]
    assert norm[["level", "reference", "pairs", "seeds"]].tolist() == ["on", "off", 4, 2]
    assert norm["effect"] == pytest.approx(0.08)
    sd = np.std([0.1, 0.06], ddof=1)
    half = stats.t.ppf(0.975, 1) * sd / 2**0.5
    assert norm[["sd", "low", "high"]].tolist() == pytest.approx([sd, 0.08 - half, 0.08 + half])
    assert effects.loc["dropout", "effect"] == pytest.approx(0.01)
    assert effects.loc["dropout", "sd"] == pytest.approx(0, abs=1e-12)


def test_a_level_mean_is_over_the_other_factors_and_seeds(tmp_path: Path) -> None:
    runs = made(tmp_path)
    means = level_means(variant_accuracies(runs), factor_levels(runs), "batch_norm")
    assert means["level"].tolist() == ["off", "on"]
    assert means["mean"].tolist() == pytest.approx([0.60, 0.68])
    assert means["runs"].tolist() == [4, 4]


def test_without_a_partner_there_is_no_effect(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"architecture": "Net", "dropout": ["0", "0.5"], "seed": [0, 1], "accuracy": [0.5, 0.6]}
    )
    assert main_effects(frame, {"dropout": ["0", "0.5"]}).empty


def test_a_row_a_level_with_its_effect(tmp_path: Path) -> None:
    write_all_formats(factors_table(make_variants(tmp_path)), tmp_path / "t")
    frame = pd.read_csv(tmp_path / "t.csv", dtype={"level": str})
    assert frame["level"].tolist() == ["off", "on", "0", "0.5"]
    assert frame["effect"].round(6).tolist()[1::2] == [0.08, 0.01]
    assert frame["effect"].isna().tolist() == [True, False, True, False]
    text = squeezed(tmp_path / "t.md")
    assert "| Net | batch_norm | off | 4 | 2 | 60.00 | reference | – |" in text
    assert "| Net | batch_norm | on | 4 | 2 | 68.00 | +8.00 ± 2.83 [-17.41, +33.41] | 4 |" in text


def test_of_variants_that_all_diverged_there_is_no_row(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, f"Net.{level}", [2.0], val=(), diverged=True, variant={"norm": level})
        for level in ("off", "on")
    ]
    write_all_formats(factors_table(make_index(tmp_path, runs)), tmp_path / "t")
    frame = pd.read_csv(tmp_path / "t.csv")
    assert frame.empty
    assert frame.columns[:3].tolist() == ["architecture", "factor", "level"]


def test_runs_without_variants_have_no_factors_to_show(tmp_path: Path) -> None:
    index = make_index(tmp_path, [make_run(tmp_path, "A", [1.0])])
    with pytest.raises(UserError, match="no factors to show: no experiment here has variants:"):
        factors_table(index)
    with pytest.raises(UserError, match="no factors to show"):
        plot_factors(index, tmp_path / "f")
