"""Estimates grow with what they are of."""

from __future__ import annotations

import json

import pytest

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
