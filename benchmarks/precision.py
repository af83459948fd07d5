"""Accuracy in bf16 against fp32, over seeds, from the runs of `config/precision.yaml`.

python -m benchmarks.precision [results/precision/tables/comparison.csv]
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from scipy.stats import t, ttest_ind
from tabulate import tabulate

_DEFAULT = Path("results/precision/tables/comparison.csv")
_COLUMNS = {"val_accuracy": "validation", "test_accuracy": "test"}


def compare(path: Path) -> str:
    """Return a Markdown table: mean of each precision and their difference, in percent.

    Intervals are 95 %, over seeds: Student's t for a mean, Welch's for the difference.
    """
    runs = pd.read_csv(path)
    rows = []
    for column, name in _COLUMNS.items():
        groups = {key: 100 * group[column] for key, group in runs.groupby("precision")}
        cells = [name]
        for precision in ("fp32", "bf16"):
            values = groups[precision]
            half = float(t.ppf(0.975, len(values) - 1)) * values.std(ddof=1) / len(values) ** 0.5
            cells.append(f"{values.mean():.2f} ± {half:.2f} (n = {len(values)})")
        interval = ttest_ind(groups["bf16"], groups["fp32"], equal_var=False).confidence_interval()
        difference = groups["bf16"].mean() - groups["fp32"].mean()
        cells.append(f"{difference:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]")
        rows.append(cells)
    head = ["accuracy, %", "fp32", "bf16", "bf16 − fp32"]
    return str(tabulate(rows, head, tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    print(compare(Path(sys.argv[1]) if len(sys.argv) > 1 else _DEFAULT))
