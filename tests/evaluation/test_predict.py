"""Predictions: schema, agreement with the model, damaged weights."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from pj2.config.study import RunSettings
from pj2.errors import UserError
from pj2.evaluation.predict import predict
from pj2.models.registry import build_model

SETTINGS = RunSettings(model="BasicCNN", learning_rate=1e-3, seed=0)
CPU = torch.device("cpu")


@pytest.fixture
def weights(tmp_path):
    model = build_model("BasicCNN", 10, seed=4)
    save_file(model.state_dict(), tmp_path / "best.safetensors")
    return tmp_path / "best.safetensors"


def test_predictions_are_the_models(weights, data, tmp_path):
    predict(weights, SETTINGS, data, tmp_path / "predictions.parquet", CPU)
    table = pq.read_table(tmp_path / "predictions.parquet")
    assert [(f.name, str(f.type)) for f in table.schema] == [
        ("index", "int64"),
        ("label", "int16"),
        ("predicted", "int16"),
        ("probabilities", "fixed_size_list<element: float>[10]"),
    ]
    assert json.loads(table.schema.metadata[b"classes"]) == list(data.classes)
    model = build_model("BasicCNN", 10, seed=4).eval()
    with torch.no_grad():
        expected = model(data.test.inputs(data.test_images)).softmax(1).numpy()
    found = np.array(table["probabilities"].to_pylist())
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert table["predicted"].to_pylist() == found.argmax(1).tolist()
    assert table["label"].to_pylist() == data.test_labels.tolist()


def test_damaged_and_foreign_weights_are_named(weights, data, tmp_path):
    other = SETTINGS.model_copy(update={"model": "VGG_A"})
    with pytest.raises(UserError, match=r"best\.safetensors: not the weights of a VGG_A"):
        predict(weights, other, data, tmp_path / "p.parquet", CPU)
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"best\.safetensors: not the weights of a BasicCNN"):
        predict(weights, SETTINGS, data, tmp_path / "p.parquet", CPU)
    assert not (tmp_path / "p.parquet").exists()
