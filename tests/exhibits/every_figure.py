"""Every figure of made-up studies, with what a figure says only now and then."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from safetensors.numpy import save_file

from pj2.exhibits.calibration.figure import plot_reliability
from pj2.exhibits.confusion.figure import plot_confusion
from pj2.exhibits.curvature.figure import plot_curvature
from pj2.exhibits.curves.figure import plot_all_models, plot_curves
from pj2.exhibits.efficiency.figure import plot_efficiency
from pj2.exhibits.factors.figure import plot_factors
from pj2.exhibits.filters.figure import plot_filters
from pj2.exhibits.landscape.figure import plot_landscape
from pj2.exhibits.landscape.numbers import landscape_band
from pj2.exhibits.learning_rates.figure import plot_learning_rates
from pj2.exhibits.measured import with_description
from pj2.exhibits.mistakes.figure import plot_mistakes
from pj2.exhibits.pairwise.figure import plot_differences
from pj2.exhibits.probes.covariate_shift import plot_covariate_shift
from pj2.exhibits.probes.figure import plot_probes
from pj2.exhibits.probes.moments import plot_activation_moments
from pj2.exhibits.surfaces.figure import plot_lines, plot_surfaces
from pj2.runs.reading import load_runs
from pj2.store.files import write_json, write_table
from tests.helpers.made_up import make_index, make_run, probes_of, with_moments

MODELS = ("VGG_A", "VGG_A_BatchNorm")
LABELS = tuple(i % 4 for i in range(40))

Drawings = Mapping[str, Callable[[Path], None]]


def every_figure(root: Path) -> Drawings:
    """Return functions that draw a figure each, to the stem they are given."""
    many, alone, lost = _seeds(root / "seeds"), _alone(root / "alone"), _lost(root / "lost")
    perfect, variants, probed = (
        _perfect(root / "perfect"), _variants(root / "variants"), _probed(root / "probed"),
    )  # fmt: skip
    data = _data(root / "data")
    surfaces, lines = make_surfaces(root), make_lines(root)
    curvatures = _curvatures(root)
    band = root / "band.parquet"
    write_table(band, landscape_band(load_runs(many)))
    return {
        "curves": lambda stem: plot_curves(many, stem),
        "curves_alone": lambda stem: plot_curves(alone, stem),
        "curves_lost": lambda stem: plot_curves(lost, stem),
        "all_models": lambda stem: plot_all_models(many, stem),
        "confusion": lambda stem: plot_confusion(many[:1], stem),
        "confusion_alone": lambda stem: plot_confusion(alone, stem),
        "confusion_lost": lambda stem: plot_confusion(lost, stem),
        "filters": lambda stem: plot_filters(many[:1], stem),
        "filters_lost": lambda stem: plot_filters(lost, stem),
        "mistakes": lambda stem: plot_mistakes(many[:1], data, stem),
        "mistakes_alone": lambda stem: plot_mistakes(alone, data, stem),
        "mistakes_none": lambda stem: plot_mistakes(perfect, data, stem),
        "reliability": lambda stem: plot_reliability([*many, *lost], stem),
        "reliability_alone": lambda stem: plot_reliability(alone, stem),
        "differences": lambda stem: plot_differences(many, stem),
        "differences_none": lambda stem: plot_differences(lost, stem),
        "efficiency": lambda stem: plot_efficiency([*many, *alone, *lost], stem),
        "efficiency_lost": lambda stem: plot_efficiency(lost, stem),
        "factors": lambda stem: plot_factors(variants, stem),
        "landscape": lambda stem: plot_landscape(many, band, stem),
        "learning_rates": lambda stem: plot_learning_rates(many, stem),
        "learning_rates_lost": lambda stem: plot_learning_rates(lost, stem),
        "probes": lambda stem: plot_probes(probed, stem),
        "covariate_shift": lambda stem: plot_covariate_shift(probed, stem),
        "activation_moments": lambda stem: plot_activation_moments(probed, stem),
        "surfaces": lambda stem: plot_surfaces(surfaces, stem),
        "lines": lambda stem: plot_lines(lines, lines, stem),
        "curvature": lambda stem: plot_curvature(curvatures, stem),
    }


LOSSES = ({"name": "cross_entropy", "label_smoothing": 0.1}, {"name": "squared_error"})


def _seen(seed: int, wrong: int = 8) -> dict[str, Any]:
    source = np.random.default_rng(seed)
    predicted = np.array(LABELS)
    predicted[:wrong] = (predicted[:wrong] + 1 + source.integers(0, 3, wrong)) % 4
    sure = source.uniform(0.3, 1.0, len(LABELS))
    return {"labels": LABELS, "predicted": predicted, "confidence": sure}


def _seeds(root: Path) -> list[Path]:
    """Two models, two rates, three seeds; spikes, a diverged run, and what cannot be compared."""
    source = np.random.default_rng(0)
    runs = []
    for place, model in enumerate(MODELS):
        for lr in ("0.001", "0.002"):
            for seed in (0, 1, 2):
                losses = source.random(900) + place
                losses[3] = 30.0
                diverged = place == 0 and lr == "0.002" and seed == 1
                more = {
                    "settings": {"loss": LOSSES[place]},
                    "precision": {"used": ("bf16", "fp32")[place]},
                    "hardware": {"device": "cpu", "name": "CPU", "threads": 1 + place},
                }
                val = () if diverged else np.linspace(0.2, 0.9 - 0.1 * place, 20)
                runs.append(
                    make_run(
                        root, model, losses, lr=lr, seed=seed, val=val, test=val,
                        diverged=diverged, **_seen(seed + 10 * place), **more,
                    )
                )  # fmt: skip
    runs.append(make_run(root, "BasicCNN", source.random(900), val=(0.5,), **_seen(0, wrong=30)))
    runs.append(make_run(root, "BasicCNN", source.random(900), lr="0.1", val=(0.4,), **_seen(1)))
    runs.append(make_run(root, "ResidualCNN", [2.0], lr="0.1", val=(), diverged=True))
    runs.append(make_run(root, "ResidualCNN", [2.0], lr="0.2", val=(), diverged=True))
    return make_index(root, runs)


def _alone(root: Path) -> list[Path]:
    return make_index(
        root, [make_run(root, "ImprovedCNN", [2.0, 1.0], experiment="alone", **_seen(3))]
    )


def _lost(root: Path) -> list[Path]:
    run = make_run(root, "ResidualCNN", [], experiment="lost", val=(), diverged=True)
    return make_index(root, [run])


def _perfect(root: Path) -> list[Path]:
    return make_index(root, [make_run(root, "A", [1.0], labels=LABELS, predicted=LABELS)])


def _variants(root: Path) -> list[Path]:
    runs = [
        make_run(
            root, f"BasicCNN.dropout-{dropout}.width-{width}", [1.0], seed=seed, lr=lr,
            variant={"dropout": dropout, "width": width}, settings={"model": "BasicCNN"},
            **_seen(seed, wrong=4 * int(width) + seed),
        )
        for dropout in ("0", "0.5") for width in ("1", "2") for seed in (0, 1)
        for lr in ("0.1", "0.2")
    ]  # fmt: skip
    return make_index(root, runs)


def _probed(root: Path) -> list[Path]:
    losses = [[1.0, 2.0, 30.0], [1.0, 2.0, math.inf]]
    distances = [[0.1, 0.2, 0.3], [0.1, 0.2, math.inf]]
    probes = with_moments(probes_of(losses, distances, along=("gradient", "update")), layers=3)
    runs = [
        make_run(
            root, model, [2.0] * 20, lr="0.1", seed=seed, diverged=model == "VGG_A", probes=probes
        )
        for model in MODELS for seed in (0, 1)
    ]  # fmt: skip
    return make_index(root, runs)


def _data(folder: Path) -> Path:
    folder.mkdir(parents=True)
    images = np.repeat(np.arange(40, dtype=np.uint8), 32 * 32 * 3).reshape(40, 32, 32, 3)
    tensors = {"test_images": images, "test_labels": np.array(LABELS, np.int64)}
    save_file(tensors, folder / "dataset.safetensors")
    return folder


def _about(model: str, **config: object) -> dict[str, Any]:
    return {
        "experiment": "e", "model": model, "lr": "0.1", "seed": 0, "epoch": 1,
        "weights": "best", "sha256": "ab",
        "config": {"points": 5, "images": 100, "split": "train", "seed": 0, "batch_size": 250}
        | config,
    }  # fmt: skip


def make_surfaces(root: Path) -> list[Path]:
    """Write a surface of each model, one a hundred times as steep as the other."""
    paths = []
    places = np.linspace(-1, 1, 5)
    for model, height in zip(MODELS, (1.0, 100.0), strict=True):
        alpha, beta = (each.ravel() for each in np.meshgrid(places, places))
        table = pa.table(
            {
                "row": np.repeat(np.arange(5), 5), "column": np.tile(np.arange(5), 5),
                "alpha": alpha, "beta": beta, "loss": 0.5 + height * (alpha**2 + beta**2),
                "accuracy": np.ones(25),
                "statistics": ["running" if "Batch" in model else "none"] * 25,
            }
        )  # fmt: skip
        paths.append(root / f"{model}.surface.parquet")
        write_table(paths[-1], with_description(table, _about(model)))
    return paths


def make_lines(root: Path) -> list[Path]:
    """Write a line between two runs of each model, with a barrier of 1.5 nats."""
    paths = []
    for model in MODELS:
        table = pa.table(
            {
                "alpha": [0.0, 0.5, 1.0],
                "loss": [1.0, 2.5, 1.0],
                "accuracy": [1.0] * 3,
                "statistics": ["batch" if "Batch" in model else "none"] * 3,
            }
        )
        paths.append(root / f"{model}.line.parquet")
        described = _about(model, split="validation") | {"other": _about(model) | {"lr": "0.2"}}
        write_table(paths[-1], with_description(table, described))
    return paths


def _curvatures(root: Path) -> list[Path]:
    paths = []
    for model in MODELS:
        paths.append(root / f"{model}.json")
        measured = [
            {
                "about": _about(model, images=9, lanczos_steps=8, eigenvalues=2, vectors=2)
                | {"weights": weights},
                "loss": 1.0, "largest": [9.0, 4.0], "smallest": [-1.0, -0.5], "parameters": 30,
                "traces": [0.0, 24.0], "nodes": [[-1.0, 0.0, 9.0]] * 2,
                "masses": [[0.2, 1 - 0.2 - 0.6 / 9, 0.6 / 9]] * 2, "statistics": statistics,
            }
            for weights in ("best", "last")
            for statistics in (("running", "batch") if "Batch" in model else ("none",))
        ]  # fmt: skip
        write_json(paths[-1], measured)
    return paths
