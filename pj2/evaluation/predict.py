"""Predictions of a finished run on the test split."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from pj2.config.study import RunSettings
from pj2.data.prepared import PreparedData
from pj2.evaluation.evaluate import compute_logits
from pj2.evaluation.weights import load_trained
from pj2.store.files import write_table


def predict(
    weights: Path, settings: RunSettings, data: PreparedData, output: Path, device: torch.device
) -> None:
    """Write `predictions.parquet`: the class probabilities of every test image.

    Raises UserError if the weights are damaged or belong to another model.
    """
    model = load_trained(weights, settings, len(data.classes), device)
    images = data.test.to(device)
    probabilities = compute_logits(model, images).softmax(1).numpy()
    table = predictions_table(data.test_labels.numpy(), probabilities, data.classes)
    write_table(output, table)


def predictions_table(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]
) -> pa.Table:
    """Return the rows of `predictions.parquet`, given softmax float32 ``[images, classes]``.

    Columns: ``index`` int64 (into the prepared test split), ``label`` and
    ``predicted`` int16, ``probabilities`` float32 ``[classes]``. The class names are in
    the table's metadata.
    """
    table = pa.table(
        {
            "index": pa.array(range(len(labels)), pa.int64()),
            "label": pa.array(labels.astype(np.int16)),
            "predicted": pa.array(probabilities.argmax(1).astype(np.int16)),
            "probabilities": pa.FixedSizeListArray.from_arrays(
                pa.array(probabilities.ravel(), pa.float32()), len(classes)
            ),
        }
    )
    return table.replace_schema_metadata({"classes": json.dumps(list(classes))})
