from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from pj2.exhibits.claims.published import read_report
from pj2.exhibits.claims.table import published_table
from pj2.exhibits.format import write_all_formats
from tests.helpers.made_up import make_index, make_run, squeezed

PUBLISHED = Path("workflow/published.yaml")
REPORT = read_report(PUBLISHED)
DATA = {"name": "cifar10", "train_images": 45_000, "validation_images": 5_000,
        "test_images": 10_000}  # fmt: skip
CLASSES = tuple(f"class{label}" for label in range(10))
SIZES = {claim.model: claim.value for claim in REPORT.claims if claim.kind == "parameters"}


def recipe(model: str) -> dict[str, Any]:
    """The settings of the published runs of a model."""
    made = REPORT.recipes[model].model_dump(mode="json", exclude={"learning_rates"})
    return made | {"model": model}


def run(root: Path, model: str, test: float, seed: int, **facts: Any) -> dict[str, Any]:
    settings = recipe(model)
    facts = {"epochs_run": REPORT.epochs(model) + seed, "data": DATA} | facts
    return make_run(
        root, model, [2.0, 1.0], seed=seed, val=(0.9, 0.8), test=(0.1, test), settings=settings,
        parameters=SIZES[model], classes=CLASSES, **facts,
    )  # fmt: skip


@pytest.fixture
def stem(tmp_path: Path) -> Path:
    """Two models of the report with three seeds and one, honestly 0.75; the others were not run."""
    runs = [run(tmp_path, "BasicCNN", 0.828 + 0.001 * seed, seed) for seed in range(3)]
    runs += [run(tmp_path, "ResidualCNN", 0.9, 7, epochs_run=50)]
    write_all_formats(
        published_table(make_index(tmp_path, runs), PUBLISHED), tmp_path / "t" / "published"
    )
    return tmp_path / "t" / "published"


def test_csv_has_a_row_a_claim_at_full_precision(stem: Path) -> None:
    frame = pd.read_csv(f"{stem}.csv")
    assert len(frame) == len(REPORT.claims)
    rows = {row.claim: row for row in frame.itertuples()}
    first = rows["BasicCNN: test accuracy, %"]
    assert (first.kind, first.model, first.source) == ("accuracy", "BasicCNN", "text")
    assert (first.published, first.margin, first.learning_rate) == (0.8291, 0.01, 0.001)
    assert (first.n, first.verdict) == (3, "agrees")
    assert first.ours == "0=0.828 1=0.829 2=0.83"
    assert first.honest == "0=0.75 1=0.75 2=0.75"
    assert first.ours_mean == pytest.approx(0.829)
    assert first.ours_sd == pytest.approx(0.001)
    assert first.high - first.low == pytest.approx(2 * 2.919985580355516 * 0.001 * (4 / 3) ** 0.5)
    assert rows["BasicCNN: epochs"].verdict == "agrees"
    assert rows["BasicCNN: parameters"].verdict == "agrees"
    assert rows["ResidualCNN: test accuracy, %"].verdict == "cannot tell"
    assert rows["ResidualCNN is more accurate than BasicCNN"].verdict == "not comparable"
    assert (frame["verdict"] == "not tested here").sum() == (frame["kind"] == "open").sum() > 0
    missing = frame[frame["model"] == "VGG_A"]
    assert set(missing["verdict"]) == {"not run"}
    assert missing[["experiment", "ours_mean", "honest", "low"]].isna().all(axis=None)
    assert set(missing["n"]) == {0}


def test_people_read_both_protocols_and_why(stem: Path) -> None:
    text = squeezed(Path(f"{stem}.md"))
    assert (
        "| BasicCNN: test accuracy, % | its text, rate 0.001 | 82.91 | 82.90 ± 0.10 | "
        "75.00 ± 0.00 | 3 | agrees | ours less the published: -0.01 points, "
        "90 % [-0.35, +0.33], margin ±1, n = 3 |"
    ) in text
    assert "| BasicCNN: epochs | a figure, rate 0.001 | 37 | 38.0 ± 1.0 | – | 3 | agrees |" in text
    assert "| BasicCNN: parameters | its text | 1,147,466 | 1,147,466 | – | 3 | agrees |" in text
    assert "| 84.00 | – | – | 0 | not run | no run of VGG_A |" in text
    assert "| cannot tell | ours less the published: -1.57 points; one seed, so" in text
    assert text.startswith("The published report's single runs (course project report on CIFAR-10)")
    assert "Far narrower: less than 0.5 of" in text


def test_a_planted_wrong_value_is_seen_in_the_table(tmp_path: Path) -> None:
    runs = [run(tmp_path, "BasicCNN", 0.828 + 0.001 * seed, seed) for seed in range(3)]
    raw = yaml.safe_load(PUBLISHED.read_text())
    (claim,) = [each for each in raw["claims"] if each.get("value") == 82.91]
    claim["value"] = 92.81
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(raw))
    write_all_formats(
        published_table(make_index(tmp_path, runs), tmp_path / "wrong.yaml"), tmp_path / "t"
    )
    rows = pd.read_csv(tmp_path / "t.csv").set_index("claim")
    assert rows.loc["BasicCNN: test accuracy, %", "verdict"] == "differs"


def test_differences_and_ratios(tmp_path: Path) -> None:
    """Points where accuracies are compared, times where bands are."""
    runs = [run(tmp_path, "BasicCNN", 0.82, seed) for seed in range(2)]
    runs += [run(tmp_path, "ResidualCNN", 0.9, seed) for seed in range(2)]
    for model, width in (("VGG_A", 1.0), ("VGG_A_BatchNorm", 0.25)):
        settings = recipe(model)
        runs += [
            make_run(
                tmp_path, model, [1.0 + width * (lr == "0.002")] * 2, lr=lr, experiment="l",
                settings=settings, data=DATA, status="stopped_early", classes=CLASSES,
            )
            for lr in ("0.0001", "0.0005", "0.001", "0.002")
        ]  # fmt: skip
    write_all_formats(published_table(make_index(tmp_path, runs), PUBLISHED), tmp_path / "t")
    text = squeezed(tmp_path / "t.md")
    assert "| stated | +8.00 ± 0.00 points | +0.00 ± 0.00 points | 2 |" in text
    assert "| stated | 0.25 times | – | 1 | cannot tell | 0.25 times the other's; one" in text
    rows = pd.read_csv(tmp_path / "t.csv").set_index("kind")
    assert rows.loc["narrower_band", "learning_rates"] == "0.0001 0.0005 0.001 0.002"
    assert rows.loc["narrower_band", "than"] == "VGG_A"
    assert rows.loc["steadier_gradients", "ours"] == "0=nan"  # the norms do not vary at all
    assert rows.loc["steadier_gradients", "verdict"] == "cannot tell"
