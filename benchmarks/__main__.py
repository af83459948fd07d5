"""`make bench`: measure, and write a JSON file and a Markdown table.

python -m benchmarks [PART ...] [--models MODEL ...] [--repeats N] [--output FOLDER]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path

from benchmarks import (
    aggregation,
    augmentation,
    dag,
    engine,
    packing,
    paper,
    restoring,
    startup,
)
from benchmarks.measure import Measurement, describe_machine
from benchmarks.table import markdown
from benchmarks.workload import MODELS


def main() -> None:
    """Run the requested parts, by default all; write the results after each part."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--repeats", type=int, help="default: each part's own number")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()

    def n(usual: int) -> int:
        return options.repeats or usual

    machine = describe_machine()
    parts: dict[str, Callable[[], Iterator[Measurement]]] = {
        "engine": lambda: engine.measure(options.models, n(7)),
        "augmentation": lambda: augmentation.measure(n(9)),
        "startup": lambda: startup.measure(n(5)),
        "restoring": lambda: restoring.measure(n(3)),
        "aggregation": lambda: aggregation.measure(n(3)),
        "dag": lambda: dag.measure(n(3)),
        "packing": lambda: packing.measure(n(2)),
    }
    if machine["gpu"]:
        parts["paper"] = paper.measure
    unknown = [part for part in options.parts if part not in parts]
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; the parts are {', '.join(parts)}")
    chosen = options.parts or [part for part in parts if part != "paper"]
    kind = "gpu" if machine["gpu"] else "cpu"
    name = "-".join([date.today().isoformat(), kind, *(options.parts or ["all"])])
    options.output.mkdir(parents=True, exist_ok=True)
    found: list[Measurement] = []
    for part in chosen:
        started = time.perf_counter()
        for measurement in parts[part]():
            found.append(measurement)
            _write(options.output / name, machine, found)
        print(f"{part}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    print((options.output / f"{name}.md").read_text())


def _write(stem: Path, machine: dict[str, object], found: list[Measurement]) -> None:
    content = {"machine": machine, "measurements": [asdict(one) for one in found]}
    stem.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")
    stem.with_suffix(".md").write_text(markdown(machine, found))


if __name__ == "__main__":
    main()
