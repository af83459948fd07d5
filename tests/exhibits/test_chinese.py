"""Every table in another language: for people in its words, for programs as before."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pj2.exhibits.calibration.table import calibration_table
from pj2.exhibits.claims.published import read_report
from pj2.exhibits.claims.table import published_table
from pj2.exhibits.comparison.summary import summary_table
from pj2.exhibits.comparison.table import comparison_table
from pj2.exhibits.confusion.table import confused_pairs_table, per_class_table
from pj2.exhibits.curvature.table import curvature_table
from pj2.exhibits.efficiency.table import efficiency_table
from pj2.exhibits.factors.table import factors_table
from pj2.exhibits.format import Table, write_all_formats
from pj2.exhibits.landscape.numbers import landscape_band
from pj2.exhibits.landscape.table import landscape_table
from pj2.exhibits.pairwise.table import pairwise_table
from pj2.exhibits.probes.table import probe_ratios_table, probes_table
from pj2.language import in_language
from pj2.runs.reading import load_runs
from pj2.store.files import write_json, write_table
from tests.helpers.made_up import CLASSES, make_index, make_run, probes_of

CLAIMS = Path("workflow/published.yaml")
BF16 = {"asked": "bf16", "used": "bf16"}
# What is not translated: names of methods, of people, of things in the config and the code.
NAMES = re.compile(
    r"airplane|automobile|ship|dog|Dropout|Lipschitz|config/\w+\.yaml|"
    rf"(Basic|Improved|Residual)CNN|VGG_A(_BatchNorm)?|BatchNorm|Made-up CPU|{'|'.join(CLASSES)}"
    r"|course project report on CIFAR|cifar10?|custom|None|nan|True|False|null|MACs|ECE|NLL|nat"
    r"|bf16|fp32|\bdrop\b|\bon\b|\boff\b|Wilson|Student|McNemar|Holm|BCa|Ghorbani|Hessian|Newcombe"
    r"|Guo et al|Santurkar|[a-z_]+(\.[a-z_]+)? (?=\S+（已发表)|cosine"
    r"|adam\w*|sgd|cross_entropy|val_accuracy"
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Callable[[], Table]]:
    root = tmp_path_factory.mktemp("study")
    losses = np.linspace(3, 1, 40)
    probes = probes_of([[1.0, 2.0, 3.0]] * 3, [[1.0, 2.0, 4.0]] * 3, along=("gradient", "update"))
    runs = [
        make_run(
            root, model, losses, lr=lr, seed=seed, val=(0.5, 0.6), test=(0.4, 0.5), probes=probes
        )
        for model in ("BasicCNN", "VGG_A")
        for lr in ("0.001", "0.002")
        for seed in (0, 1)
    ]
    lost: dict[str, Any] = {"val": (), "test": None, "diverged": True}
    for seed in (0, 1):
        runs += [
            make_run(
                root, "ImprovedCNN", losses, seed=seed, precision=BF16, status="stopped_early"
            ),
            make_run(root, "VGG_A", losses[:7], lr="0.1", seed=seed, **lost),
            make_run(root, "ResidualCNN", losses[:7], seed=seed, **lost),
        ]
    index = make_index(root, runs)
    write_table(root / "band.parquet", landscape_band(load_runs(index)))
    variants = make_index(
        root / "variants",
        [make_run(root / "variants", f"VGG_A.{level}", losses, variant={"drop": level})
         for level in ("on", "off")],
    )  # fmt: skip
    run = {"experiment": "e", "model": "VGG_A", "lr": "0.1", "seed": 0}
    about = run | {"epoch": 1, "config": {"images": 9, "batch_size": 250}}
    measured = {
        "loss": 1.25, "largest": [9.0, 4.0], "smallest": [-1.0, -0.5],
        "traces": [10.0, 12.0, 14.0], "nodes": [[0.0]], "masses": [[1.0]],
        "parameters": 3, "statistics": "running",
    }  # fmt: skip
    both = [measured | {"about": about | {"weights": name}} for name in ("best", "last")]
    write_json(root / "curvature.json", both)
    as_published = make_index(root / "published", published_runs(root / "published"))
    return {
        "comparison": lambda: comparison_table(index),
        "summary": lambda: summary_table(index),
        "pairwise": lambda: pairwise_table(index),
        "factors": lambda: factors_table(variants),
        "calibration": lambda: calibration_table(index),
        "efficiency": lambda: efficiency_table(index),
        "per_class": lambda: per_class_table(index),
        "confused_pairs": lambda: confused_pairs_table(index),
        "landscape": lambda: landscape_table(index, root / "band.parquet"),
        "probes": lambda: probes_table(index[:2]),
        "ratios": lambda: probe_ratios_table(index[:2]),
        "curvature": lambda: curvature_table([root / "curvature.json"]),
        "published": lambda: published_table(as_published, CLAIMS),
        "not_comparable": lambda: published_table(index, CLAIMS),
    }


def published_runs(root: Path) -> list[dict[str, Any]]:
    """Runs that the published claims can be compared with, and one that is too short."""
    report = read_report(CLAIMS)
    data = {
        "name": "cifar10", "train_images": 45_000, "validation_images": 5_000,
        "test_images": 10_000,
    }  # fmt: skip

    def run(model: str, lr: str, **facts: Any) -> dict[str, Any]:
        recipe = report.recipes[model].model_dump(mode="json", exclude={"learning_rates"})
        settings = recipe | {"model": model}
        return make_run(
            root, model, [1.0 + (lr == "0.002")] * 2, lr=lr, settings=settings, data=data, **facts
        )

    rates = ("0.0001", "0.0005", "0.001", "0.002")
    bands = [
        run(m, lr, status="stopped_early") for m in ("VGG_A", "VGG_A_BatchNorm") for lr in rates
    ]
    seeds = [run("BasicCNN", "0.001", seed=seed, epochs_run=37) for seed in range(3)]
    return [*bands, *seeds, run("ImprovedCNN", "0.001", epochs_run=3)]


def test_no_english_word_is_left_and_no_column_is_lost(
    tables: dict[str, Callable[[], Table]],
) -> None:
    for name, make in tables.items():
        english = make()
        with in_language("zh"):
            table = make()
        assert len(table.headings) == len(set(table.headings)) == len(english.headings), name
        assert (len(table.rows), table.numeric) == (len(english.rows), english.numeric), name
        text = "\n".join([table.caption, *table.headings, *(" ".join(row) for row in table.rows)])
        assert (name, re.findall(r"[A-Za-z]{2,}", NAMES.sub("", text))) == (name, [])


def test_what_programs_read_is_the_same_in_every_language(
    tables: dict[str, Callable[[], Table]],
) -> None:
    for name, make in tables.items():
        with in_language("zh"):
            chinese = make().frame.to_csv()
        assert (name, chinese) == (name, make().frame.to_csv())


def test_pages_and_latex_say_what_they_need(
    tables: dict[str, Callable[[], Table]], tmp_path: Path
) -> None:
    with in_language("zh"):
        write_all_formats(tables["comparison"](), tmp_path / "t")
    page = (tmp_path / "t.html").read_text(encoding="utf-8")
    assert '<html lang="zh-CN">' in page
    assert "<title>每次运行一行</title>" in page
    assert "ctex" in (tmp_path / "t.tex").read_text(encoding="utf-8").splitlines()[0]
