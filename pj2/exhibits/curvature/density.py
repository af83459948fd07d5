"""The smoothed spectral density, and the checks that it must pass before it is drawn."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pj2.exhibits.measured import Curvature
from pj2.language import tr


def common_width(parts: Iterable[Curvature]) -> float:
    """Return one smoothing width for all spectra, a standard deviation in units of eigenvalues.

    It is the greatest range of the spectra over twice the Lanczos steps, the resolution limit.
    """
    return max(
        (part["largest"][0] - part["smallest"][0])
        / (2 * int(part["about"]["config"]["lanczos_steps"]))
        for part in parts
    )


def density(part: Curvature, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a grid of eigenvalues and the spectral density there, smoothed by a Gaussian."""
    nodes, masses = np.concatenate(part["nodes"]), np.concatenate(part["masses"])
    grid = np.arange(nodes.min() - 8 * width, nodes.max() + 8 * width, width / 4)
    bumps = np.exp(-0.5 * ((grid - nodes[:, None]) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return grid, masses @ bumps / len(part["nodes"])


def fault(part: Curvature, width: float, grid: np.ndarray, values: np.ndarray) -> str:
    """Return why a density must not be drawn; empty if it passes all checks.

    Its integral must be 1, its mean the estimated trace within the standard error, and its ends
    those of the spectrum within the width.
    """
    integral = float(np.trapezoid(values, grid))
    if not abs(integral - 1) < 0.01:
        return tr("its integral is {integral:.3g}", integral=integral)
    traces = np.asarray(part["traces"])
    error = traces.std(ddof=1) / np.sqrt(len(traces))
    implied = part["parameters"] * float(np.trapezoid(values * grid, grid))
    if not abs(implied - traces.mean()) <= error + 1e-6 * abs(traces.mean()):
        return tr(
            "its mean implies a trace of {implied:.4g}, but the trace is {trace:.4g} ± {error:.2g}",
            implied=implied, trace=traces.mean(), error=error,
        )  # fmt: skip
    farthest = max(max(nodes) for nodes in part["nodes"])
    if not abs(farthest - part["largest"][0]) <= width:
        return tr(
            "with so few steps it ends at an eigenvalue of {farthest:.3g}, but the largest is "
            "{largest:.3g}",
            farthest=farthest, largest=part["largest"][0],
        )  # fmt: skip
    return ""
