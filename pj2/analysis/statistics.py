"""How sure an accuracy is."""

from __future__ import annotations

from scipy.stats import binomtest


def wilson_interval(correct: int, n: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of the proportion ``correct / n`` (Wilson 1927).

    It covers what chance does to a test set of n images, not the spread between
    seeds. Raises ValueError unless 0 <= correct <= n and n > 0.
    """
    interval = binomtest(correct, n).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)
