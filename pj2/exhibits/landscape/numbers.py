"""The min/max band of training losses over learning rates, and its width."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import permutations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pj2.errors import UserError
from pj2.runs.reading import PathLike, RunRecord, count_steps, read_parquet, steps

BAND_SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("seed", pa.int64()),
        ("step", pa.int64()),
        ("min", pa.float32()),
        ("max", pa.float32()),
    ]
)
_KEYS = ["model", "seed"]
_MOST_LEFT_OUT = 20  # learning rates; leaving out each one means computing every band anew


def band_runs(runs: Sequence[RunRecord]) -> dict[tuple[str, int], list[RunRecord]]:
    """Return the runs of each band, by (model, seed): all learning rates of one seed.

    The runs of a band share initial weights and batch order, so only the learning rate differs;
    every seed has its own band. Raises UserError if two runs have one learning rate.
    """
    members: dict[tuple[str, int], list[RunRecord]] = {}
    for run in runs:
        group = members.setdefault((run.model, run.seed), [])
        for other in group:
            if other.lr == run.lr:
                raise UserError(
                    f"{run.folder}: a second run of {run.model} at learning rate {run.lr} beside "
                    f"{other.folder}; a band takes the runs of one experiment"
                )
        group.append(run)
    order = list(dict.fromkeys(model for model, _ in members))
    return {key: members[key] for model in order for key in members if key[0] == model}


def landscape_band(runs: Sequence[RunRecord]) -> pa.Table:
    """Return the bands of every model: the least and the greatest loss at each step.

    A band belongs to a model and seed. It takes the raw per-step losses of all learning rates,
    cut to the shortest run, and their minimum and maximum over learning rates (after Santurkar et
    al. 2018, figure 4a, with whole training runs in place of steps along one gradient). A
    diverged run never shortens the band: it contributes its finite losses and drops out. If every
    run diverged, the band is as long as the longest of them.

    Runs are read one after another, so memory does not grow with their number.

    Columns: model (string), seed (int64), step (int64, 0-based), min, max (float32, the recorded
    losses bit for bit); models in the order of `runs`.
    """
    parts = []
    for (model, seed), members in band_runs(runs).items():
        low, high = np.empty(0, np.float32), np.empty(0, np.float32)
        shortest: int | None = None  # of the runs that did not diverge
        for run in members:
            loss = steps(run)["loss"].to_numpy(np.float32)
            low, high = _fold(np.minimum, low, loss), _fold(np.maximum, high, loss)
            if run.diverged_at is None:
                shortest = min(len(loss), len(loss) if shortest is None else shortest)
        length = len(low) if shortest is None else shortest
        if not length:
            raise no_band(members[0])
        columns = [
            pa.array([model] * length, pa.string()),
            pa.array(np.full(length, seed)),
            pa.array(np.arange(length)),
            pa.array(low[:length]),
            pa.array(high[:length]),
        ]
        parts.append(pa.Table.from_arrays(columns, schema=BAND_SCHEMA))
    return pa.concat_tables(parts)


def no_band(run: RunRecord) -> UserError:
    """Return the error for a band without a finite loss; `run` is one of its runs."""
    return UserError(f"{run.folder}: no loss of {run.model} is finite; it has no band")


def _fold(extreme: np.ufunc, so_far: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Return the extremes with one more run, up to the end of the longer of the two."""
    longer, shorter = (so_far, loss) if len(so_far) > len(loss) else (loss, so_far)
    folded = longer.copy()
    extreme(longer[: len(shorter)], shorter, out=folded[: len(shorter)])
    return folded


def read_band(path: PathLike, bands: Collection[tuple[str, int]]) -> pa.Table:
    """Read the file of `landscape_band`, in the order of these bands, each a (model, seed).

    Raises UserError unless the file holds exactly these bands.
    """
    band = read_parquet(path, BAND_SCHEMA.names)
    pairs = band.group_by(_KEYS).aggregate([]).to_pydict()
    held = set(zip(pairs["model"], pairs["seed"], strict=True))
    if held != set(bands):
        raise UserError(
            f"{path}: holds the bands of {_in_words(held)}; expected those of {_in_words(bands)}"
        )
    own = [
        band.filter(pc.and_(pc.equal(band["model"], model), pc.equal(band["seed"], seed)))
        for model, seed in bands
    ]
    return pa.concat_tables(own)


def _in_words(bands: Collection[tuple[str, int]]) -> str:
    return ", ".join(f"{model} seed {seed}" for model, seed in sorted(bands))


def bin_width(band: pa.Table, bins: int) -> int:
    """Return the number of steps per bin that shows the longest band in `bins` bins."""
    last = pc.max(band["step"]).as_py() or 0
    return -(-(last + 1) // bins)


def bin_band(band: pa.Table, bins: int) -> pa.Table:
    """Return a band for display, with at most `bins` bins of equally many steps.

    A bin takes the minimum of the minima and the maximum of the maxima, so no
    extreme is lost; `step` is the bin's first. A shorter band is returned as it is.
    """
    width = bin_width(band, bins)
    frame = band.to_pandas()
    frame["step"] = frame["step"] // width * width
    binned = frame.groupby([*_KEYS, "step"], sort=False, as_index=False).agg(
        {"min": "min", "max": "max"}
    )
    return pa.Table.from_pandas(binned, schema=BAND_SCHEMA, preserve_index=False)


def common_steps(band: pa.Table) -> pa.Table:
    """Return the part of the bands in which every model and seed has losses."""
    frame = band.to_pandas()
    shortest = frame.groupby(_KEYS)["step"].max().min()
    return band.filter(pc.less_equal(band["step"], shortest))


def band_width_table(band: pa.Table) -> pd.DataFrame:
    """Return one row per band: model, seed, steps, mean_width, median_width and relative_width.

    The width is max − min, in the units of the loss. The relative width is the median over steps
    of the width divided by the mean of max and min; NaN if that mean is 0 at every step.
    """
    frame: pd.DataFrame = band.to_pandas().astype({"min": float, "max": float})
    frame["width"] = frame["max"] - frame["min"]
    middle = (frame["max"] + frame["min"]) / 2
    frame["relative"] = frame["width"] / middle.where(middle != 0)
    return frame.groupby(_KEYS, sort=False, as_index=False).agg(
        steps=("step", "size"),
        mean_width=("width", "mean"),
        median_width=("width", "median"),
        relative_width=("relative", "median"),
    )


def common_widths(runs: Sequence[RunRecord]) -> pd.DataFrame | None:
    """Return `band_width_table` over the steps that all bands have; None if a band has no loss."""
    if not all(any(map(count_steps, group)) for group in band_runs(runs).values()):
        return None
    return band_width_table(common_steps(landscape_band(runs)))


def without_a_rate(runs: Sequence[RunRecord]) -> list[list[RunRecord]]:
    """Return the runs with each learning rate left out in turn.

    Empty for fewer than three rates, since the bands would have no width, and for more than 20,
    since one of them decides little.
    """
    rates = sorted({run.lr for run in runs}, key=float)
    if not 2 < len(rates) <= _MOST_LEFT_OUT:
        return []
    return [[run for run in runs if run.lr != rate] for rate in rates]


def width_ratio(runs: Sequence[RunRecord], model: str, other: str) -> float:
    """Return the ratio of a model's band width to another's, by their median widths.

    Each width is the mean over seeds, over the steps that all bands have. NaN or infinite if the
    other has no width; NaN if a band has no finite loss or a model no run.
    """
    widths = common_widths(runs)
    return float("nan") if widths is None else ratio_of_widths(widths, model, other)


def ratio_of_widths(widths: pd.DataFrame, model: str, other: str) -> float:
    """Return `width_ratio` from the `common_widths` of the runs."""
    width = widths.groupby("model")["median_width"].mean().reindex([model, other])
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(width[model]) / np.float64(width[other]))


def width_ratios_without_a_rate(runs: Sequence[RunRecord], model: str, other: str) -> list[float]:
    """Return `width_ratio` with each learning rate left out in turn; see `without_a_rate`."""
    return [width_ratio(rest, model, other) for rest in without_a_rate(runs)]


def width_ratios_without_a_seed(runs: Sequence[RunRecord], model: str, other: str) -> list[float]:
    """Return `width_ratio` with each seed left out in turn; empty for one seed."""
    seeds = sorted({run.seed for run in runs})
    kept = [[run for run in runs if run.seed != seed] for seed in seeds]
    return [width_ratio(rest, model, other) for rest in kept] if len(seeds) > 1 else []


def separation_table(band: pa.Table) -> pd.DataFrame:
    """Return, for each seed and ordered pair of models, the steps at which their bands are apart.

    Columns: seed, model, other, steps (common to both), apart (the number of these with a gap
    between the bands), share (apart / steps), below (the number of these with `model`'s band
    beneath `other`'s), first_apart (the first step apart, or <NA>). Bands that touch overlap.
    """
    rows = []
    for seed, part in band.to_pandas().groupby("seed", sort=False):
        frames = dict(iter(part.groupby("model", sort=False)))
        for model, other in permutations(frames, 2):
            pair = frames[model].merge(frames[other], on="step", suffixes=("", "_other"))
            below = pair["max"] < pair["min_other"]
            apart = below | (pair["max_other"] < pair["min"])
            first = pair["step"][apart].iloc[0] if apart.any() else pd.NA
            share = apart.mean() if len(pair) else float("nan")
            steps = (len(pair), int(apart.sum()), share, int(below.sum()), first)
            rows.append((seed, model, other, *steps))
    columns = ["seed", "model", "other", "steps", "apart", "share", "below", "first_apart"]
    return pd.DataFrame(rows, columns=columns).astype({"first_apart": "Int64"})
