"""The time to restore a run from the store, against training it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.commands import empty, pj2, timed
from benchmarks.measure import Measurement, interleave
from benchmarks.workload import settings_of, write_prepared

_IMAGES, _EPOCHS = 4000, 2


def measure(repeats: int) -> Iterator[Measurement]:
    """Train a short run of VGG_A, and restore it."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        data = write_prepared(root / "data", _IMAGES)
        settings = settings_of("VGG_A").model_copy(update={"epochs": _EPOCHS}).canonical()

        def command(store: Path) -> float:
            output = empty(root / "run")
            arguments = ("--settings", settings, "--data", data, "--output", output)
            return timed(pj2("train", *arguments, "--store", store))

        full = empty(root / "full")
        command(full)
        samples = interleave(
            {
                "trained": lambda: command(empty(root / "store")),
                "restored": lambda: command(full),
            },
            repeats,
        )
        what = f"VGG_A, {_EPOCHS} epochs of {_IMAGES:,} images"
        yield Measurement("Restoring from the store", what, "s", samples, [("trained", "restored")])
