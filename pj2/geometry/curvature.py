"""Eigenvalues, trace and spectral density of a loss's Hessian, without the Hessian.

All methods use the Hessian-vector products (Pearlmutter 1994) of curvlinops: implicitly
restarted Lanczos (SciPy) for the ends of the spectrum, Girard-Hutchinson for the trace, and
stochastic Lanczos quadrature for the density (Papyan 2020, algorithm 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from curvlinops import HessianLinearOperator
from scipy.linalg import eigh_tridiagonal
from scipy.sparse.linalg import ArpackError, eigsh
from torch import Tensor, nn

_TOLERANCE = 1e-2  # of the residuals; an eigenvalue's error is of the order of its square


@dataclass(frozen=True)
class Curvature:
    """Measurements of the Hessian of a mean loss over all parameters.

    ``parameters``: their number; ``largest``: ``[k]`` eigenvalues, descending; ``smallest``: as
    many, ascending; ``traces``: ``[vectors]``, each random vector's unbiased estimate of the
    trace; ``nodes`` and ``masses``: ``[vectors][steps]``, each vector's quadrature: eigenvalues
    and the shares of the spectrum that they stand for.
    """

    parameters: int
    largest: list[float]
    smallest: list[float]
    traces: list[float]
    nodes: list[list[float]]
    masses: list[list[float]]


def measure_curvature(
    model: nn.Module,
    batches: Sequence[tuple[Tensor, Tensor]],
    eigenvalues: int,
    vectors: int,
    lanczos_steps: int,
    seed: int,
) -> Curvature | None:
    """Measure the Hessian of the mean cross-entropy over some images.

    Returns None if the algorithms find no spectrum: if a weight is not finite, or the loss is
    flat, as for weights so large that each image gets probability 1 for one class.

    Args:
        model: in the mode to be measured.
        batches: images and labels; one at a time is in memory.
        eigenvalues: how many of the largest, and of the smallest.
        vectors: how many Rademacher vectors to estimate trace and density with.
        lanczos_steps: nodes of the quadrature of each vector.
        seed: of every random vector.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    hessian = HessianLinearOperator(
        model, nn.CrossEntropyLoss(), parameters, batches, check_deterministic=False
    )
    size = hessian.shape[0]
    try:
        ends = eigsh(
            hessian.to_scipy(),
            k=2 * eigenvalues,
            which="BE",  # half of them from each end
            v0=np.random.default_rng(seed).standard_normal(size),
            tol=_TOLERANCE,
            return_eigenvectors=False,
        )
    except ArpackError:
        return None
    ends = np.sort(ends.astype(np.float64))
    source = torch.Generator().manual_seed(seed)
    tridiagonals = []
    for _ in range(vectors):
        signs = torch.randint(0, 2, (size,), generator=source) * 2 - 1
        tridiagonals.append(lanczos(hessian, signs.to(parameters[0]), lanczos_steps))
    if not all(np.isfinite(np.concatenate([ends, *each])).all() for each in tridiagonals):
        return None
    rules = [quadrature(*each) for each in tridiagonals]
    return Curvature(
        parameters=size,
        largest=ends[::-1][:eigenvalues].tolist(),
        smallest=ends[:eigenvalues].tolist(),
        traces=[float(size * diagonal[0]) for diagonal, _ in tridiagonals],
        nodes=[nodes.tolist() for nodes, _ in rules],
        masses=[masses.tolist() for _, masses in rules],
    )


def lanczos(
    hessian: HessianLinearOperator, start: Tensor, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the diagonal and off-diagonal of the tridiagonal matrix of `steps` Lanczos steps.

    Both in float64: the mean of a spectrum may be a ten-millionth of its range, less than
    float32 resolves. The vectors are not reorthogonalised: this would keep all of them in
    memory, and change the density by less than a thousandth (docs/curvature.md).
    """
    diagonal: list[float] = []
    beside: list[float] = []
    before, vector = torch.zeros_like(start), start / _dot(start, start) ** 0.5
    for step in range(steps):
        image = hessian @ vector
        if step:
            image = image - beside[-1] * before
        diagonal.append(_dot(vector, image))
        image = image - diagonal[-1] * vector
        beside.append(_dot(image, image) ** 0.5)
        if not beside[-1]:  # the vectors span an invariant subspace of the Hessian
            break
        before, vector = vector, image / beside[-1]
    return np.array(diagonal), np.array(beside[: len(diagonal) - 1])


def quadrature(diagonal: np.ndarray, beside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and masses of the Gauss quadrature that a tridiagonal matrix defines."""
    nodes, vectors = eigh_tridiagonal(diagonal, beside)
    return nodes, vectors[0] ** 2


def _dot(one: Tensor, other: Tensor) -> float:
    return float(torch.dot(one.cpu().double(), other.cpu().double()))
