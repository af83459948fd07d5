"""What each factor of the variants is worth: numbers and table."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols

from pj2.errors import UserError
from pj2.exhibits.factors.figure import plot_factors
from pj2.exhibits.factors.numbers import (
    compared_runs,
    factor_effects,
    factor_levels,
    variant_accuracies,
)
from pj2.exhibits.factors.table import factors_table
from pj2.exhibits.format import write_all_formats
from pj2.runs.reading import RunRecord, load_runs
from tests.exhibits.drawing import Drawn
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


def effects_of(runs: list[RunRecord]) -> pd.DataFrame:
    levels = factor_levels(runs)
    return factor_effects(variant_accuracies(compared_runs(runs, levels), levels), levels)


def made_up(levels: dict[str, list[str]], seeds: int, lost: int = 0) -> pd.DataFrame:
    """Accuracies of every combination, of which the last ones are lost."""
    source = np.random.default_rng(3)
    rows = [
        {"architecture": "Net", **dict(zip(levels, cell, strict=True)), "seed": seed}
        for *cell, seed in product(*levels.values(), range(seeds))
    ]
    frame = pd.DataFrame(rows[: len(rows) - lost])
    frame["accuracy"] = 0.6 + 0.05 * source.normal(size=len(frame))
    return frame


def test_every_variant_and_seed_is_a_row(tmp_path: Path) -> None:
    runs = made(tmp_path)
    levels = factor_levels(runs)
    assert levels == {"batch_norm": ["off", "on"], "dropout": ["0", "0.5"]}
    frame = variant_accuracies(compared_runs(runs, levels), levels)
    assert len(frame) == 8
    row = frame[(frame["batch_norm"] == "on") & (frame["dropout"] == "0.5") & (frame["seed"] == 1)]
    assert row[["architecture", "accuracy"]].to_numpy().tolist() == [["Net", 0.66]]


def test_main_effects_are_differences_of_means_with_the_residual_degrees(tmp_path: Path) -> None:
    effects = effects_of(made(tmp_path)).set_index(["factor", "level"])
    norm = effects.loc["batch_norm", "on"]
    assert norm[["reference", "runs", "seeds", "df"]].tolist() == ["off", 4, 2, 3]
    assert norm[["mean", "effect"]].tolist() == pytest.approx([0.68, 0.08])
    # What is left is that a seed's effect of the norm is 2 points from the mean: 1 point a run.
    se = (8 * 0.01**2 / 3) ** 0.5 * (1 / 4 + 1 / 4) ** 0.5
    half = stats.t.ppf(0.975, 3) * se
    assert norm[["se", "low", "high"]].tolist() == pytest.approx([se, 0.08 - half, 0.08 + half])
    assert effects.loc["dropout", "0.5"]["effect"] == pytest.approx(0.01)
    both = effects.loc["batch_norm × dropout", "on × 0.5"]
    assert both[["runs", "mean"]].tolist() == pytest.approx([2, 0.685])
    assert both[["effect", "se"]].tolist() == pytest.approx([0, 2 * se], abs=1e-12)


THREE = {"a": ["0", "1"], "b": ["x", "y", "z"], "c": ["u", "v"]}


@pytest.mark.parametrize(("seeds", "lost"), [(3, 0), (2, 0), (3, 5), (1, 0)])
def test_the_model_is_that_of_statsmodels(seeds: int, lost: int) -> None:
    frame = made_up(THREE, seeds, lost)
    effects = factor_effects(frame, THREE).set_index(["factor", "level"])
    blocks = " + C(seed, Sum)" if seeds > 1 else ""
    formula = f"accuracy ~ (C(a, Sum) + C(b, Sum) + C(c, Sum)) ** 2{blocks}"
    fit = ols(formula, frame).fit()
    assert set(effects["df"]) == {fit.df_resid}
    names = list(fit.params.index)

    def agrees(row: pd.Series, weights: dict[str, float]) -> None:
        contrast = fit.t_test([[weights.get(name, 0.0) for name in names]])
        wanted = [contrast.effect.item(), contrast.sd.item(), *contrast.conf_int()[0]]
        assert row[["effect", "se", "low", "high"]].tolist() == pytest.approx(wanted)

    # Effect-coded: the coefficient of a level is its distance from the mean, of the last −1 each.
    a, c, ac = "C(a, Sum)[S.0]", "C(c, Sum)[S.u]", "C(a, Sum)[S.0]:C(c, Sum)[S.u]"
    agrees(effects.loc["a", "1"], {a: -2})
    agrees(effects.loc["c", "v"], {c: -2})
    agrees(effects.loc["a × c", "1 × v"], {ac: 4})
    x, y = "C(b, Sum)[S.x]", "C(b, Sum)[S.y]"
    agrees(effects.loc["b", "y"], {x: -1, y: 1})
    agrees(effects.loc["b", "z"], {x: -2, y: -1})


def test_a_lost_cell_is_no_bias() -> None:
    """Means of what is left would take a level for better that has lost its worst runs."""
    levels = {"a": ["0", "1"], "b": ["x", "y"], "c": ["u", "v"]}
    frame = made_up(levels, 2)
    frame["accuracy"] = 0.5 + 0.1 * (frame["a"] == "1") + 0.2 * (frame["b"] == "y")
    part = frame[(frame["a"] != "1") | (frame["b"] != "x") | (frame["c"] != "u")]
    effects = factor_effects(part, levels).set_index(["factor", "level"])
    assert effects.loc["a", "1"]["effect"] == pytest.approx(0.1)
    assert effects.loc["b", "y"]["effect"] == pytest.approx(0.2)
    assert effects.loc["a × b", "1 × y"]["effect"] == pytest.approx(0, abs=1e-12)


def test_what_the_runs_cannot_tell_apart_has_no_effect() -> None:
    levels = {"a": ["0", "1"], "b": ["x", "y"]}
    frame = made_up(levels, 2)
    part = frame[(frame["a"] != "1") | (frame["b"] != "y")]
    effects = factor_effects(part, levels).set_index(["factor", "level"])
    assert effects["effect"].isna().all()
    seeds = pd.DataFrame({"architecture": "Net", "a": ["0", "1"], "seed": [0, 1], "accuracy": 0.5})
    assert factor_effects(seeds, {"a": ["0", "1"]})["effect"].isna().all()


def test_without_degrees_of_freedom_an_effect_has_no_interval() -> None:
    frame = made_up({"a": ["0", "1"], "b": ["x", "y"]}, 1)
    effects = factor_effects(frame, {"a": ["0", "1"], "b": ["x", "y"]})
    assert set(effects["df"]) == {0}
    assert effects["effect"].notna().sum() == 3
    assert effects[["se", "low", "high"]].isna().all(axis=None)


def test_the_learning_rate_is_a_factor_where_all_variants_share_several(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, f"Net.norm-{norm}", [2.0], lr=lr, variant={"norm": norm})
        for norm in ("off", "on")
        for lr in ("0.01", "0.001")
    ]
    levels = factor_levels(load_runs(make_index(tmp_path, runs)))
    assert levels == {"norm": ["off", "on"], "learning rate": ["0.001", "0.01"]}
    effects = effects_of(load_runs(make_index(tmp_path, runs)))
    assert effects["factor"].iloc[-1] == "norm × learning rate"
    own = load_runs(make_index(tmp_path, runs[:3]))
    assert list(factor_levels(own)) == ["norm"]
    assert len(compared_runs(own, factor_levels(own))) == 2  # at the rate that was chosen


def test_a_row_a_level_with_its_effect(tmp_path: Path) -> None:
    write_all_formats(factors_table(make_variants(tmp_path)), tmp_path / "t")
    frame = pd.read_csv(tmp_path / "t.csv", dtype={"level": str})
    assert frame["level"].tolist() == ["off", "on", "0", "0.5", "on × 0.5"]
    assert frame["effect"].round(6).fillna(-1).tolist() == [-1, 0.08, -1, 0.01, 0]
    text = squeezed(tmp_path / "t.md")
    assert "| Net | batch_norm | off | 4 | 2 | 60.00 | reference |" in text
    assert "| Net | batch_norm | on | 4 | 2 | 68.00 | +8.00 ± 1.15 [+4.33, +11.67] |" in text
    assert "Residual degrees of freedom: 3." in text


@pytest.mark.filterwarnings("error")
def test_lost_runs_and_effects_are_said(tmp_path: Path, drawn: Drawn) -> None:
    runs = [
        make_run(
            tmp_path, f"Net.norm-{norm}.drop-{drop}", [2.0], variant={"norm": norm, "drop": drop},
            **({"val": (), "diverged": True} if (norm, drop) == ("on", "1") else {}),
        )
        for norm in ("off", "on")
        for drop in ("0", "1")
    ]  # fmt: skip
    index = make_index(tmp_path, runs)
    assert len(drawn(plot_factors, index).axes) == 2  # without a panel of effects: there are none
    table = factors_table(index)
    assert "Left out: 1 of 4 runs, which finished no epoch" in table.caption
    assert "An effect that these runs cannot separate from others is not given." in table.caption
    assert "Effects without residual degrees of freedom have no interval." in table.caption


@pytest.mark.filterwarnings("error")  # such as a layout that does not fit
def test_every_effect_is_drawn_with_its_interval(tmp_path: Path, drawn: Drawn) -> None:
    index = make_variants(tmp_path)
    *_, effects = drawn(plot_factors, index).axes
    names = [label.get_text() for label in effects.get_yticklabels()]
    assert names == ["batch_norm: on", "dropout: 0.5", "batch_norm × dropout: on × 0.5"]
    rows = effects_of(load_runs(index)).dropna(subset="effect")
    bars = [line.get_xdata() for line in effects.lines if line.get_marker() == "|"]
    assert np.array(bars) == pytest.approx(100 * rows[["low", "high"]].to_numpy())


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


def test_runs_at_rates_that_play_no_part_are_not_missed(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, f"Net.drop-{drop}", [2.0], seed=seed, variant={"drop": drop})
        for drop in ("0", "1")
        for seed in (0, 1)
    ]
    runs += [
        make_run(
            tmp_path, "Net.drop-0", [], lr="0.01", seed=seed, val=(), diverged=True,
            variant={"drop": "0"},
        )
        for seed in (0, 1)
    ]  # fmt: skip
    assert "Left out" not in factors_table(make_index(tmp_path, runs)).caption
