"""Estimates grow with what they are of."""

from __future__ import annotations

import json

import pytest
from torch import nn

from pj2.cluster import estimate
from pj2.cluster.estimate import job_minutes
from pj2.config.schema import DatasetConfig
from pj2.config.study import parse_settings

SAMPLE = DatasetConfig(limit={"train": 30_000})


def settings(**changes):
    base = {"model": "VGG_A", "learning_rate": 1e-3, "seed": 0, "epochs": 10}
    return parse_settings(json.dumps(base | changes))


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"epochs": 10}, {"epochs": 20}),
        ({"model": "BasicCNN"}, {"model": "VGG_A"}),
        ({"probe": None}, {"probe": {"every": 10, "steps": 8}}),
        ({"probe": {"every": 1}}, {"probe": {"every": 1, "moments": True}}),
        ({"probe": {"every": 1}}, {"probe": {"every": 1, "covariate_shift": True}}),
    ],
)
def test_minutes_of_a_run(less, more):
    assert job_minutes(settings(**less), SAMPLE) < job_minutes(settings(**more), SAMPLE)


def test_minutes_depend_on_images_and_device():
    everything = DatasetConfig(name="svhn", source="torchvision")
    assert job_minutes(settings(), SAMPLE) < job_minutes(settings(), everything)
    assert job_minutes(settings(), SAMPLE, gpu=True) < job_minutes(settings(), SAMPLE)
    unknown = DatasetConfig(name="custom", source="imagefolder", path="/images")
    assert job_minutes(settings(), unknown) > job_minutes(settings(), SAMPLE)
    more = DatasetConfig(
        name="custom", source="imagefolder", path="/images", limit={"train": 10**6}
    )
    assert job_minutes(settings(), more) > job_minutes(settings(), unknown)


def test_each_point_of_a_probe_is_a_forward_and_a_backward_pass(monkeypatch):
    monkeypatch.setattr(estimate, "_START", 0)
    plain = job_minutes(settings(), SAMPLE)
    for along, points in (["update"], 9), (["gradient", "update"], 17):  # and where it starts
        probe = {"every": 1, "steps": 8, "along": along}
        probed = job_minutes(settings(probe=probe), SAMPLE)
        assert probed == pytest.approx((1 + points) * plain, abs=1 + points)


def test_a_module_may_give_several_tensors(monkeypatch):
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool, self.rows = nn.MaxPool2d(2, return_indices=True), nn.LSTM(48, 10)

        def forward(self, images):
            pooled, _ = self.pool(images)  # 768 floats, and as many int64
            rows, _ = self.rows(pooled.flatten(2).permute(2, 0, 1).repeat(1, 1, 16))
            return rows.mean(0)  # of 256 rows, and of two states: 10 floats each

    monkeypatch.setattr("pj2.models.registry.build_model", lambda *_, **__: Recurrent())
    measured = estimate._measured("Recurrent", "{}")
    assert measured.outputs == 768 * (4 + 8) + (256 + 2) * 10 * 4
