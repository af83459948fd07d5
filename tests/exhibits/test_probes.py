"""The three quantities from recorded probes, by hand."""

from __future__ import annotations

import math

import pytest

from pj2.exhibits.probes.numbers import covariate_shift, probe_medians, probe_ratios, probe_steps
from pj2.runs.reading import load_runs
from tests.helpers.made_up import make_index, make_run, probes_of


@pytest.fixture
def runs(tmp_path):
    """VGG_A and its sibling, two seeds each; the sibling's probes are half or a quarter."""
    entries = []
    for model, factor in (("VGG_A", 1.0), ("VGG_A_BatchNorm", 0.5)):
        for seed in (0, 1):
            scale = factor ** (1 + seed)
            losses = [[2 - scale, 2.0, 2 + scale], [1.0, 1 + 3 * scale, 1.0]]
            distances = [[0.1 * scale, 0.4 * scale, 0.2 * scale]] * 2
            probes = probes_of(losses, distances)
            entries.append(
                make_run(tmp_path, model, [2.0] * 20, lr="0.1", seed=seed, probes=probes)
            )
    return load_runs(make_index(tmp_path, entries))


def test_range_predictiveness_and_smoothness_of_each_step(runs):
    first, second = probe_steps(runs[0]).to_dict("records")
    assert (first["step"], second["step"]) == (0, 10)
    assert (first["loss_min"], first["loss_max"], first["loss_variation"]) == (1.0, 3.0, 2.0)
    assert second["loss_variation"] == 3.0
    assert (first["distance_min"], first["predictiveness"]) == (0.1, 0.4)
    # 0.1 / (0.1 * 2), 0.4 / (0.2 * 2), 0.2 / (0.4 * 2): the greatest is the second.
    assert first["smoothness"] == pytest.approx(1.0)


def test_a_loss_that_is_not_finite_counts_as_infinite(tmp_path):
    probes = probes_of([[1.0, math.nan, 2.0]], [[1.0, math.nan, math.inf]])
    entry = make_run(tmp_path, "VGG_A", [2.0] * 20, probes=probes)
    (run,) = load_runs(make_index(tmp_path, [entry]))
    (step,) = probe_steps(run).to_dict("records")
    assert (step["loss_min"], step["loss_max"], step["smoothness"]) == (1.0, math.inf, math.inf)


def test_medians_are_over_a_runs_probed_steps(runs):
    row = probe_medians(runs).iloc[0]
    assert (row.model, row.lr, row.seed, row.along, row.probes) == (
        "VGG_A",
        "0.1",
        0,
        "gradient",
        2,
    )
    assert row.loss_variation == pytest.approx(2.5)
    late = probe_medians(runs).iloc[1]
    assert (late.part, late.probes, late.loss_variation) == ("second half", 1, 3.0)


def test_ratios_pair_seeds_and_show_their_spread(runs):
    found = probe_ratios(probe_medians(runs), "VGG_A_BatchNorm", "VGG_A").to_dict("records")
    row, late = found
    assert (row["part"], late["part"]) == ("whole run", "second half")
    assert (row["lr"], row["along"], row["seeds"]) == ("0.1", "gradient", 2)
    for name in ("loss_variation", "predictiveness", "smoothness"):
        found = row[name], row[f"{name}_low"], row[f"{name}_high"]
        assert found == pytest.approx((math.sqrt(0.5 * 0.25), 0.25, 0.5))


def test_shift_is_also_relative_to_the_gradient(runs):
    shift = covariate_shift(runs[0])
    assert shift[shift["depth"] == 2]["relative"].tolist() == [0.5, 0.5]
