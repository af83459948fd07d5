"""Eigenvalues and trace of the Hessian at trained weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pj2.exhibits.format import MISSING, Table
from pj2.exhibits.measured import about_statistics, read_curvature
from pj2.language import said, tr
from pj2.runs.reading import PathLike

_CAPTION = said(
    "Hessian of the mean cross-entropy, without label smoothing, on a fixed part of the training "
    "images; trace ± standard error over random vectors. All numbers depend on the scale of the "
    "weights, which BatchNorm makes arbitrary."
)


def curvature_table(paths: Iterable[PathLike]) -> Table:
    """Return one row for each model and weights.

    CSV: ``model, lr, seed, weights`` (best, last, or initial where a run diverged in its first
    epoch), ``statistics, images_at_most`` (all there are, if they are fewer), ``loss, largest``
    (descending, separated by blanks), ``smallest, trace, trace_error, vectors``. Values that are
    not finite, as at the last weights of a diverged run, are missing.
    """
    parts = [part for path in paths for part in read_curvature(path)]
    frame = pd.DataFrame([_row(part) for part in parts])
    weights = {"best": tr("best"), "last": tr("last"), "initial": tr("initial")}
    kinds = {"running": tr("running"), "batch": tr("batch"), "none": MISSING}
    shown = {
        tr("Model"): frame["model"],
        tr("Learning rate"): frame["lr"],
        tr("Weights"): frame["weights"].map(weights),
        tr("Statistics"): frame["statistics"].map(kinds),
        tr("Loss"): [_number(loss, ".4f", tr("not finite")) for loss in frame["loss"]],
        tr("Largest eigenvalues"): [
            ", ".join(f"{float(value):.3g}" for value in text.split()[:3]) or MISSING
            for text in frame["largest"]
        ],
        tr("Smallest"): [_number(value, ".3g") for value in frame["smallest"]],
        tr("Trace"): [
            f"{row.trace:.4g} ± {row.trace_error:.2g}" if row.vectors else MISSING
            for row in frame.itertuples()
        ],
    }
    about = about_statistics(parts[0]["about"]["config"], frame["statistics"])
    return Table.of(frame, caption=" ".join(filter(None, (tr(_CAPTION), about))), shown=shown)


def _row(part: Mapping[str, Any]) -> dict[str, Any]:
    about, traces = part["about"], np.asarray(part["traces"])
    return {
        "model": about["model"],
        "lr": about["lr"],
        "seed": about["seed"],
        "weights": about["weights"],
        "statistics": part["statistics"],
        "images_at_most": about["config"]["images"],
        "loss": part["loss"],
        "largest": " ".join(f"{value:.6g}" for value in part["largest"]),
        "smallest": part["smallest"][0] if part["smallest"] else None,
        "trace": traces.mean() if len(traces) else None,
        "trace_error": traces.std(ddof=1) / np.sqrt(len(traces)) if len(traces) else None,
        "vectors": len(traces),
    }


def _number(value: float | None, spelling: str, missing: str = MISSING) -> str:
    return missing if pd.isna(value) else format(value, spelling)
