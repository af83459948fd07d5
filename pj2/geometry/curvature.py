"""Eigenvalues, trace and spectral density of a loss's Hessian, without the Hessian.

Everything rests on Hessian-vector products (Pearlmutter 1994), and the
algorithms are those of curvlinops and SciPy: implicitly restarted Lanczos for
the ends of the spectrum, Girard-Hutchinson for the trace, and stochastic
Lanczos quadrature for the density (Papyan 2020, algorithm 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from curvlinops import HessianLinearOperator, hutchinson_trace
from curvlinops.papyan2020traces.spectrum import lanczos_approximate_spectrum
from scipy.sparse.linalg import ArpackError, eigsh
from torch import Tensor, nn

_TOLERANCE = 1e-2  # of the residuals; that of an eigenvalue goes with its square


@dataclass(frozen=True)
class Curvature:
    """What is known of the Hessian of a mean loss over all parameters.

    ``largest``: float64 ``[k]``, descending; ``smallest``: as many, ascending;
    ``traces``: float64 ``[vectors]``, one unbiased estimate of the trace a
    random vector; ``grid`` and ``density``: float64 ``[points]``, the spectral
    density, whose integral is one.
    """

    largest: np.ndarray
    smallest: np.ndarray
    traces: np.ndarray
    grid: np.ndarray
    density: np.ndarray


def measure_curvature(
    model: nn.Module,
    batches: Sequence[tuple[Tensor, Tensor]],
    eigenvalues: int,
    trace_vectors: int,
    lanczos_steps: int,
    seed: int,
) -> Curvature | None:
    """Measure the Hessian of the mean cross-entropy over some images.

    Returns None if it has no spectrum, which the algorithms fail at: where a weight is not
    finite, or the loss is flat, as it is far out, where each image has all of one class.

    Args:
        model: in the mode to be measured; in eval mode BatchNorm is affine.
        batches: images and labels; one at a time is in memory.
        eigenvalues: how many of the largest, and of the smallest.
        trace_vectors: Rademacher vectors of the trace's estimate.
        lanczos_steps: nodes of the quadrature of the density.
        seed: of every random vector.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    hessian = HessianLinearOperator(
        model, nn.CrossEntropyLoss(), parameters, batches, check_deterministic=False
    )
    start = np.random.default_rng(seed).standard_normal(hessian.shape[0])
    try:
        ends = eigsh(
            hessian.to_scipy(),
            k=2 * eigenvalues,
            which="BE",  # half of them from each end
            v0=start,
            tol=_TOLERANCE,
            return_eigenvectors=False,
        )
        ends = np.sort(ends.astype(np.float64))
        with torch.random.fork_rng(devices=[p.device for p in parameters[:1] if p.is_cuda]):
            torch.manual_seed(seed)
            traces = [hutchinson_trace(hessian, num_matvecs=1).item() for _ in range(trace_vectors)]
            grid, density = lanczos_approximate_spectrum(
                hessian, lanczos_steps, boundaries=(ends[0], ends[-1])
            )
    except (ArpackError, torch.linalg.LinAlgError):  # type: ignore[attr-defined]
        return None
    measured = Curvature(
        ends[::-1][:eigenvalues],
        ends[:eigenvalues],
        np.array(traces),
        grid.double().cpu().numpy(),
        density.double().cpu().numpy(),
    )
    finite = all(np.isfinite(values).all() for values in vars(measured).values())
    return measured if finite else None
