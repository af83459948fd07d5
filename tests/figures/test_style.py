from __future__ import annotations

import matplotlib
import numpy as np

from pj2.figures import style

MODELS = ("BasicCNN", "ImprovedCNN", "ResidualCNN", "VGG_A", "VGG_A_BatchNorm")


def test_a_model_has_its_colour_in_whatever_company() -> None:
    every = style.colours(MODELS)
    assert len(set(every.values())) == len(MODELS)
    assert set(every) == set(style.PALETTE)
    for model in MODELS:
        assert style.colours([model]) == {model: every[model]}


def test_unknown_models_get_stable_colours_that_do_not_collide() -> None:
    names = [f"Net{i}" for i in range(6)]
    together = style.colours([*names, *MODELS])
    assert len(set(together.values())) == 11
    assert style.colours(reversed(names)) == style.colours(names)
    assert style.colours(["Net0"])["Net0"] == style.colours(["Net0", *MODELS])["Net0"]


def test_shades_go_from_light_to_dark_and_one_is_the_colour_itself() -> None:
    assert style.shade("#0072b2", 0, 1) == "#0072b2"
    light = [sum(matplotlib.colors.to_rgb(style.shade("#0072B2", i, 4))) for i in range(4)]
    assert light == sorted(light, reverse=True)
    assert len(set(light)) == 4


def test_a_spike_does_not_flatten_the_axis_and_is_counted() -> None:
    calm = np.linspace(2.0, 1.0, 100)
    assert style.loss_ceiling([calm]) == 1.05 * 2.0
    spiked = np.append(calm, 50.0)
    top = style.loss_ceiling([spiked[:50], spiked[50:]])
    assert 2.0 < top < 3.0
    assert style.note_above(spiked, top, "steps") == "▲: 1 of 101 steps above the axis, up to 50."
    assert style.note_above(calm, top, "steps") == ""
