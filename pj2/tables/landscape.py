"""How wide the loss bands are, and where they part."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from pj2.analysis.band import (
    band_runs,
    band_width_table,
    common_steps,
    diverged,
    read_band,
    separation_table,
)
from pj2.analysis.runs import PathLike, load_runs
from pj2.analysis.wording import named
from pj2.analysis.wording import rates as in_words
from pj2.tables.format import write_all_formats

_CAPTION = (
    "Width of the band between the least and the greatest training loss over learning rates, "
    "in nats, over each model's own steps and over the steps that all models have. "
    "Apart: steps at which the bands of two models do not overlap. "
    "Steps count from 0. Learning rates whose run diverged stay in the band until then."
)


def landscape_table(index_paths: Iterable[PathLike], band_path: PathLike, stem: PathLike) -> None:
    """Write one row a model as ``stem.csv``, ``.md`` and ``.tex``.

    `band_path` is the Parquet file of `analysis.band.landscape_band` for the same runs.

    CSV: ``model, learning_rates, seed, diverged`` (``lr@step``, both separated by
    blanks), ``steps, mean_width, median_width`` (nats), ``common_steps,
    common_mean_width, common_median_width``, and for every model M in the study
    ``steps_apart_from_M, share_apart_from_M`` (of their common steps),
    ``steps_below_M`` (the row's band lies beneath M's) and
    ``first_step_apart_from_M``; empty where M is the row's own model.
    """
    members = band_runs(load_runs(index_paths))
    band = read_band(band_path, members)
    own = band_width_table(band).to_dict("records")
    common = band_width_table(common_steps(band)).to_dict("records")
    pairs = separation_table(band).to_dict("records")
    rows = []
    shown = []
    for (model, group), width, shared in zip(members.items(), own, common, strict=True):
        lost = diverged(group)
        rates = [run.lr for run in sorted(group, key=lambda run: run.learning_rate)]
        row = {
            "model": model,
            "learning_rates": " ".join(rates),
            "seed": group[0].seed,
            "diverged": " ".join(f"{run.lr}@{run.step}" for run in lost),
            "steps": width["steps"],
            "mean_width": width["mean_width"],
            "median_width": width["median_width"],
            "common_steps": shared["steps"],
            "common_mean_width": shared["mean_width"],
            "common_median_width": shared["median_width"],
        }
        text = {
            "Model": model,
            "Learning rates": in_words(rates),
            "Seed": str(group[0].seed),
            "Diverged": named([f"{run.lr} at step {run.step:,}" for run in lost], ", ") or "none",
            "Steps": f"{width['steps']:,}",
            "Mean width": f"{width['mean_width']:.4f}",
            "Median width": f"{width['median_width']:.4f}",
            "Common steps": f"{shared['steps']:,}",
            "Mean width (common)": f"{shared['mean_width']:.4f}",
            "Median width (common)": f"{shared['median_width']:.4f}",
        }
        for pair in pairs:
            if pair["model"] == model:
                other, apart, share = pair["other"], pair["apart"], pair["share"]
                row |= {
                    f"steps_apart_from_{other}": apart,
                    f"share_apart_from_{other}": share,
                    f"steps_below_{other}": pair["below"],
                    f"first_step_apart_from_{other}": pair["first_apart"],
                }
                text[f"Apart from {other}"] = (
                    f"{apart:,} of {pair['steps']:,} ({100 * share:.1f} %)"
                )
        rows.append(row)
        shown.append(text)
    frame = pd.DataFrame(rows)
    integers = [name for name in map(str, frame) if name.startswith(("steps_", "first_step_"))]
    frame = frame.astype(dict.fromkeys(integers, "Int64"))
    write_all_formats(frame, stem, caption=_CAPTION, display=pd.DataFrame(shown))
