"""How sure an accuracy is."""

from __future__ import annotations

import math

_Z_95 = 1.959963984540054  # the 97.5 % point of the standard normal distribution


def wilson_interval(correct: int, n: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of the proportion ``correct / n`` (Wilson 1927).

    It covers what chance does to a test set of n images, not the spread between
    seeds. Raises ValueError unless 0 <= correct <= n and n > 0.
    """
    if not 0 <= correct <= n or n == 0:
        raise ValueError(f"{correct} of {n} is no proportion")
    p, z2 = correct / n, _Z_95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z_95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)
