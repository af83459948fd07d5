from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from pj2.exhibits import style

MODELS = (
    "BasicCNN", "ImprovedCNN", "ResidualCNN", "VGG_A", "VGG_A_BatchNorm", "VGG_A_NoisyBatchNorm",
)  # fmt: skip


def test_a_model_has_its_colour_in_whatever_company() -> None:
    every = style.colours(MODELS)
    assert len(set(every.values())) == len(MODELS)
    assert set(every) == set(style.PALETTE)
    for model in MODELS:
        assert style.colours([model]) == {model: every[model]}


def test_unknown_models_get_stable_colours_that_do_not_collide() -> None:
    names = [f"Net{i}" for i in range(6)]
    together = style.colours([*names, *MODELS])
    assert len(set(together.values())) == 12
    assert style.colours(reversed(names)) == style.colours(names)
    assert style.colours(["Net0"])["Net0"] == style.colours(["Net0", *MODELS])["Net0"]


def test_variants_have_shades_of_their_model() -> None:
    found = style.colours(["VGG_A", "VGG_A.dropout-0", "VGG_A.dropout-0.5", "BasicCNN.width-2"])
    assert found["VGG_A"] == style.PALETTE["VGG_A"]
    assert found["VGG_A.dropout-0"] == style.shade(style.PALETTE["VGG_A"], 0, 2)
    assert found["VGG_A.dropout-0.5"] == style.shade(style.PALETTE["VGG_A"], 1, 2)
    assert found["BasicCNN.width-2"].lower() == style.PALETTE["BasicCNN"].lower()


def test_no_two_variants_and_their_model_look_alike() -> None:
    for base in ("VGG_A", "MyNet"):
        for count in (1, 3, 8):
            names = [base, *(f"{base}.width-{width}" for width in range(count))]
            found = style.colours(names)
            assert len({colour.lower() for colour in found.values()}) == len(names)


def test_shades_go_from_light_to_dark_and_one_is_the_colour_itself() -> None:
    assert style.shade("#0072b2", 0, 1) == "#0072b2"
    light = [sum(matplotlib.colors.to_rgb(style.shade("#0072B2", i, 4))) for i in range(4)]
    assert light == sorted(light, reverse=True)
    assert len(set(light)) == 4


def seen(*parts: np.ndarray) -> style.LossRange:
    losses = style.LossRange(sum(map(len, parts)))
    for part in parts:
        losses.add(part)
    return losses


@pytest.mark.parametrize("count", [1, 2, 49, 50, 51, 1000, 20_001])
def test_the_range_of_losses_in_parts_is_that_of_all_of_them(count: int) -> None:
    values = np.random.default_rng(count).lognormal(0, 2, count)
    found = seen(*np.array_split(values, 7))
    usual = np.quantile(values, 0.98, method="lower")
    assert found.greatest.min() == usual
    assert (found.low, found.greatest.max()) == (values.min(), values.max())
    assert found.top == (1.05 * values.max() if values.max() <= 2 * usual else 1.25 * usual)
    every = style.note_above(values, found.top, "losses")
    assert style.note_above(found.greatest, found.top, "losses", found.total) == every


def test_a_spike_does_not_flatten_the_axis_and_is_counted() -> None:
    calm = np.linspace(2.0, 1.0, 100)
    assert seen(calm).top == 1.05 * 2.0
    spiked = np.append(calm, 50.0)
    top = seen(spiked[:50], spiked[50:]).top
    assert 2.0 < top < 3.0
    assert style.note_above(spiked, top, "steps") == "▲: 1 of 101 steps above the axis, up to 50."
    assert style.note_above(calm, top, "steps") == ""
