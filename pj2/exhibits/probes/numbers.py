"""The quantities that gradient probes measure, step by step and over whole runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pj2.language import said
from pj2.runs.files import LAYERS, MOMENTS, PROBE_SCHEMAS, PROBES
from pj2.runs.reading import RunRecord, read_parquet

# The quantities compared between models: a column of `probe_steps`, and its English name.
QUANTITIES = {
    "loss_variation": said("loss variation"),
    "predictiveness": said("gradient predictiveness"),
    "smoothness": said("effective β-smoothness"),
}

# The parts of a run, each from a share of its probed steps on. Without BatchNorm a run may begin on
# a plateau, where everything is smooth and nothing is learned.
PARTS = {said("whole run"): 0.0, said("second half"): 0.5}


def is_probed(run: RunRecord) -> bool:
    """Tell whether a run's settings asked for probes."""
    return run.info["settings"].get("probe") is not None


def records(run: RunRecord, what: str) -> bool:
    """Tell whether a run's probes also recorded ``covariate_shift`` or ``moments``."""
    return is_probed(run) and bool(run.info["settings"]["probe"][what])


def probe_steps(run: RunRecord) -> pd.DataFrame:
    """Return one row for each probed step and direction of a run.

    Columns: step, along, start_loss, gradient_norm; loss_min and loss_max, distance_min and
    distance_max over the step lengths; loss_variation (max − min of the loss), predictiveness
    (the greatest ‖∇L(θ_k) − ∇L(θ)‖₂) and smoothness (the greatest ‖∇L(θ_k) − ∇L(θ)‖₂ / (η_k
    ‖d‖₂)). A loss that is not finite counts as infinite.
    """
    frame = _recorded(run, PROBES)
    for column in ("loss", "gradient_distance"):
        frame[column] = frame[column].where(np.isfinite(frame[column]), np.inf)
    went = frame["step_length"] * frame["direction_norm"]
    frame["ratio"] = frame["gradient_distance"] / went
    steps = frame.groupby(["along", "step"], sort=False, as_index=False).agg(
        start_loss=("start_loss", "first"),
        gradient_norm=("gradient_norm", "first"),
        loss_min=("loss", "min"),
        loss_max=("loss", "max"),
        distance_min=("gradient_distance", "min"),
        distance_max=("gradient_distance", "max"),
        smoothness=("ratio", "max"),
    )
    steps["loss_variation"] = steps["loss_max"] - steps["loss_min"]
    steps["predictiveness"] = steps["distance_max"]
    return steps


def layers(run: RunRecord) -> pd.DataFrame:
    """Return layers.parquet, with the difference also ``relative`` to the gradient's norm."""
    frame = _recorded(run, LAYERS)
    frame["relative"] = frame["difference"] / frame["gradient_norm"]
    return frame


def moments(run: RunRecord) -> pd.DataFrame:
    """Return moments.parquet: one row per probed step, activation function and channel."""
    return _recorded(run, MOMENTS)


def moves(layer: pd.DataFrame) -> float:
    """Return how far the means of a layer's channels move while the network is trained.

    For each channel, this is the standard deviation of its mean over the second half of the
    probed steps, divided by the square root of its average variance there. The result is the
    median over channels that are not constant; NaN if there are none, or fewer than two steps.

    Args:
        layer: the rows of `moments` that belong to one layer.
    """
    late = layer[layer["step"] >= layer["step"].median()]
    channels = late.groupby("channel")
    shares = channels["mean"].std() / np.sqrt(channels["variance"].mean())
    return float(shares[np.isfinite(shares)].median())


def _recorded(run: RunRecord, file: str) -> pd.DataFrame:
    frame: pd.DataFrame = read_parquet(run.folder / file, PROBE_SCHEMAS[file].names).to_pandas()
    return frame


def probe_medians(runs: Sequence[RunRecord]) -> pd.DataFrame:
    """Return one row for each run, direction and part: the medians over its probed steps.

    Columns: model, lr, seed, along, part (of `PARTS`), probes (the number of steps), and those of
    `QUANTITIES`.
    """
    return _medians({run: probe_steps(run) for run in runs})


def _medians(probed: Mapping[RunRecord, pd.DataFrame]) -> pd.DataFrame:
    rows = []
    for run, table in probed.items():
        for along, steps in table.groupby("along", sort=False):
            for part, share in PARTS.items():
                chosen = steps.iloc[int(share * len(steps)) :]
                row = {
                    "model": run.model, "lr": run.lr, "seed": run.seed, "along": along,
                    "part": part, "probes": len(chosen),
                }  # fmt: skip
                rows.append(row | {name: float(chosen[name].median()) for name in QUANTITIES})
    columns = ["model", "lr", "seed", "along", "part", "probes", *QUANTITIES]
    return pd.DataFrame(rows, columns=columns)


def probe_ratios(
    steps_of: Mapping[RunRecord, pd.DataFrame], model: str, other: str
) -> pd.DataFrame:
    """Return the ratio of each quantity's median for `model` to that for `other`.

    Runs are paired by learning rate, direction, part and seed; a row covers all seeds. The medians
    are over the steps that both runs of a pair probed: one may have ended earlier. `steps_of` has
    the `probe_steps` of each run. Columns:
    lr, along, part, seeds (pairs), and for each of `QUANTITIES` its geometric mean over seeds,
    with ``_low`` and ``_high``, the least and the greatest.
    """
    probed = {run: steps for run, steps in steps_of.items() if run.model in (model, other)}
    last: dict[tuple[str, int], float] = {}
    for run, steps in probed.items():
        end = float(steps["step"].max())
        last[run.lr, run.seed] = min(end, last.get((run.lr, run.seed), end))
    medians = _medians(
        {run: steps[steps["step"] <= last[run.lr, run.seed]] for run, steps in probed.items()}
    )
    keys = ["lr", "along", "part", "seed"]
    pairs = medians[medians["model"] == model].merge(
        medians[medians["model"] == other], on=keys, suffixes=("", "_other")
    )
    rows = []
    for (lr, along, part), group in pairs.groupby(keys[:-1], sort=False):
        row: dict[str, object] = {"lr": lr, "along": along, "part": part, "seeds": len(group)}
        for name in QUANTITIES:
            ratio = (group[name] / group[f"{name}_other"]).to_numpy(np.float64)
            row |= {
                name: float(np.exp(np.log(ratio).mean())),
                f"{name}_low": float(ratio.min()),
                f"{name}_high": float(ratio.max()),
            }
        rows.append(row)
    spread = [f"{name}{end}" for name in QUANTITIES for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=[*keys[:-1], "seeds", *spread])
