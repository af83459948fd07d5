"""The published report, and the settings and images of runs that follow it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pj2.exhibits.claims.published import read_report

PUBLISHED = Path("workflow/published.yaml")
REPORT = read_report(PUBLISHED)
DATA = {"name": "cifar10", "train_images": 45_000, "validation_images": 5_000,
        "test_images": 10_000}  # fmt: skip


def settings(model: str, **changes: Any) -> dict[str, Any]:
    recipe = REPORT.recipes[model].model_dump(mode="json", exclude={"learning_rates"})
    return recipe | {"model": model} | changes
