"""The loss along the step's direction: numbers, tables and figures."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from pj2.errors import UserError
from pj2.exhibits.format import write_all_formats
from pj2.exhibits.probes.covariate_shift import plot_covariate_shift
from pj2.exhibits.probes.figure import plot_probes
from pj2.exhibits.probes.moments import plot_activation_moments
from pj2.exhibits.probes.numbers import layers, moves, probe_medians, probe_ratios, probe_steps
from pj2.exhibits.probes.table import probe_ratios_table, probes_table
from pj2.runs.reading import load_runs
from tests.exhibits.drawing import words
from tests.helpers.made_up import make_index, make_run, probes_of, squeezed, with_moments


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
    found = probe_ratios(
        {run: probe_steps(run) for run in runs}, "VGG_A_BatchNorm", "VGG_A"
    ).to_dict("records")
    row, late = found
    assert (row["part"], late["part"]) == ("whole run", "second half")
    assert (row["lr"], row["along"], row["seeds"]) == ("0.1", "gradient", 2)
    for name in ("loss_variation", "predictiveness", "smoothness"):
        found = row[name], row[f"{name}_low"], row[f"{name}_high"]
        assert found == pytest.approx((math.sqrt(0.5 * 0.25), 0.25, 0.5))


def test_a_run_that_ended_early_is_compared_over_the_steps_of_both(tmp_path):
    short = [[1.0, 2.0, 3.0]] * 2
    long = [*short, *[[1.0, 2.0, 41.0]] * 8]
    entries = [
        make_run(
            tmp_path, model, [2.0] * 100, lr="0.1", diverged=model == "VGG_A",
            probes=probes_of(losses, [[0.1, 0.2, 0.3]] * len(losses)),
        )
        for model, losses in (("VGG_A", short), ("VGG_A_BatchNorm", long))
    ]  # fmt: skip
    table = probe_ratios_table(make_index(tmp_path, entries))
    assert table.frame["loss_variation"].tolist() == [1.0, 1.0]
    assert (
        "Diverged runs, which count only as far as they got: VGG_A at 0.1, seed 0." in table.caption
    )


def test_shift_is_also_relative_to_the_gradient(runs):
    shift = layers(runs[0])
    assert shift[shift["depth"] == 2]["relative"].tolist() == [0.5, 0.5]


@pytest.fixture
def index(tmp_path):
    entries = []
    for model, scale in (("VGG_A", 1.0), ("VGG_A_BatchNorm", 0.25)):
        for seed in (0, 1):
            distances = [[0.1 * scale, 0.4 * scale, 0.2 * scale]]
            probes = probes_of([[2 - scale, 2.0, 2 + scale]], distances)
            entries.append(
                make_run(tmp_path, model, [2.0] * 20, lr="0.1", seed=seed, probes=probes)
            )
    return make_index(tmp_path, entries)


def test_a_row_a_run(index, tmp_path):
    write_all_formats(probes_table(index), tmp_path / "t")
    frame = pd.read_csv(tmp_path / "t.csv")
    assert len(frame) == 8
    frame = frame[frame.part == "whole run"]
    assert frame.loss_variation.tolist() == pytest.approx([2.0, 2.0, 0.5, 0.5])
    assert "| VGG_A_BatchNorm | 0.1 | 1 | gradient | whole run | 1 | 0.5 | 0.1 |" in squeezed(
        tmp_path / "t.md"
    )


def test_a_row_a_pair_of_models(index, tmp_path):
    write_all_formats(probe_ratios_table(index), tmp_path / "t")
    row, _ = pd.read_csv(tmp_path / "t.csv").to_dict("records")
    assert (row["model"], row["other"], row["seeds"]) == ("VGG_A_BatchNorm", "VGG_A", 2)
    assert row["smoothness"] == pytest.approx(0.25)
    text = squeezed(tmp_path / "t.md")
    assert (
        "| VGG_A_BatchNorm / VGG_A | 0.1 | gradient | whole run | 2 | 0.25 [0.25, 0.25] |" in text
    )


def test_one_model_has_no_ratios(tmp_path):
    probes = probes_of([[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0]])
    entry = make_run(tmp_path, "VGG_A", [2.0] * 20, probes=probes)
    write_all_formats(probe_ratios_table(make_index(tmp_path, [entry])), tmp_path / "t")
    assert pd.read_csv(tmp_path / "t.csv").empty


@pytest.fixture
def lost(tmp_path):
    """A model that diverged beside one that did not; one loss of each is infinite."""
    losses = [[1.0, 2.0, 30.0], [1.0, 2.0, math.inf]]
    probes = probes_of(losses, [[0.1, 0.2, 0.3], [0.1, 0.2, math.inf]])
    entries = [
        make_run(tmp_path, model, [2.0] * 20, lr="0.1", diverged=model == "VGG_A", probes=probes)
        for model in ("VGG_A", "VGG_A_BatchNorm")
    ]
    return make_index(tmp_path, entries)


def test_the_figure_shows_the_quantities_and_what_is_not_finite(lost, drawn):
    figure = drawn(plot_probes, lost)
    variation, predictiveness, smoothness = figure.axes
    assert [panel.get_title() for panel in figure.axes] == [
        "loss variation", "gradient predictiveness", "effective β-smoothness",
    ]  # fmt: skip
    edges = [line.get_xydata().tolist() for line in variation.lines if line.get_marker() == "None"]
    assert edges == [[[0, 1]], [[0, 30]]] * 2  # the second step's greatest loss is not finite
    marks = [line for line in variation.lines if line.get_marker() == "^"]
    assert [line.get_xdata().tolist() for line in marks] == [[10], [10]]
    crosses = [line for line in variation.lines if line.get_marker() == "X"]
    assert [line.get_xydata().tolist() for line in crosses] == [[[10, 2]]]
    assert predictiveness.lines[1].get_xydata().tolist() == [[0, 0.3]]
    steps, beta = smoothness.lines[0].get_data()
    assert (steps[0], beta[0]) == (0, pytest.approx(0.1 / (0.1 * 2)))
    assert np.isnan(beta[1])
    assert "✕: VGG_A lr 0.1 diverged at step 20. ▲: not finite." in words(figure)


def test_of_plain_gradient_descent_smoothness_is_drawn_times_the_rate(tmp_path, drawn):
    """β is 0.5 at both steps; a step with momentum is not the gradient times the rate."""

    def smoothness(name, **optimizer):
        probes = probes_of([[1.0, 2.0, 3.0]] * 2, [[0.1, 0.2, 0.3]] * 2)
        settings = {"optimizer": {"name": "sgd"} | optimizer}
        root = tmp_path / name
        entry = make_run(root, "VGG_A", [2.0] * 20, lr="0.1", probes=probes, settings=settings)
        return drawn(plot_probes, make_index(root, [entry])).axes[2]

    plain, momentum = smoothness("plain"), smoothness("momentum", momentum=0.9)
    assert plain.lines[0].get_ydata() == pytest.approx([0.05, 0.05])
    assert plain.lines[1].get_ydata() == [2, 2]
    assert momentum.lines[0].get_ydata() == pytest.approx([0.5, 0.5])
    assert len(momentum.lines) == 1


def test_the_figure_of_covariate_shift_has_the_layers_after_the_first(lost, drawn):
    norm, relative, cosine = drawn(plot_covariate_shift, lost).axes
    assert norm.lines[0].get_xydata().tolist() == [[1, 2], [2, 2], [3, 2]]
    for panel, values in ((relative, [0.25, 0.5]), (cosine, [0.9, 0.8])):
        assert [line.get_xdata().tolist() for line in panel.lines] == [[2, 3], [2, 3]]
        assert panel.lines[0].get_ydata() == pytest.approx(values)


def test_the_figure_of_moments_has_the_first_the_middle_and_the_last_layer(tmp_path, drawn):
    probes = with_moments(probes_of([[1.0, 2.0, 3.0]] * 4, [[0.1, 0.2, 0.3]] * 4), layers=5)
    entry = make_run(tmp_path, "VGG_A", [2.0] * 40, probes=probes)
    panels = drawn(plot_activation_moments, make_index(tmp_path, [entry])).axes
    assert [panel.get_title() for panel in panels] == [
        f"layer {layer}: moves {moves}" for layer, moves in ((1, 0), (3, 1.4), (5, 2.8))
    ]
    for panel, depth in zip(panels, (0, 2, 4), strict=True):
        assert panel.lines[0].get_xydata().tolist() == [[0, 0], [10, depth], [20, 0], [30, depth]]


def test_where_no_moments_were_recorded_the_panels_stay_empty(lost, drawn):
    assert not any(panel.lines for panel in drawn(plot_activation_moments, lost).axes)


def test_how_far_a_layer_moves_is_known_for_known_moments():
    """Late means 0 and 2, variances 1 and 9: √2 / √5; a constant channel says nothing."""
    layer = pd.DataFrame(
        {
            "step": [0, 10, 20, 30] * 2, "channel": [0] * 4 + [1] * 4,
            "mean": [50.0, 7.0, 0.0, 2.0] + [1.0] * 4,
            "variance": [1.0, 1.0, 1.0, 9.0] + [0.0] * 4,
        }
    )  # fmt: skip
    assert moves(layer) == pytest.approx(math.sqrt(2 / 5))
    assert math.isnan(moves(layer[layer["step"] == 0]))


def test_runs_without_probes_are_a_line(tmp_path):
    plain = make_index(tmp_path, [make_run(tmp_path, "VGG_A", [2.0] * 4)])
    with pytest.raises(UserError, match="no probed runs"):
        plot_probes(plain, tmp_path / "x")
    with pytest.raises(UserError, match="no moments"):
        plot_activation_moments(plain, tmp_path / "x")
    with pytest.raises(UserError, match="no covariate shift"):
        plot_covariate_shift(plain, tmp_path / "x")
