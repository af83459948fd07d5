"""Independent streams of randomness, named by what they are for.

Every stream is seeded from a hash of (seed, stream, epoch), so what an epoch
draws depends on nothing but its number: an interrupted run that starts again
at an epoch draws what the uninterrupted one did, and two runs that share a
seed share their initial weights and batch order whatever else differs.
"""

from __future__ import annotations

import hashlib

import torch


def derive_seed(seed: int, stream: str, epoch: int = 0) -> int:
    """Return a 63-bit seed for one stream of one epoch."""
    digest = hashlib.sha256(f"{seed}/{stream}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1  # torch takes signed 64-bit seeds


def generator(seed: int, stream: str, epoch: int = 0) -> torch.Generator:
    """Return a CPU generator for one stream of one epoch.

    On every device the numbers are drawn on the CPU, so a run on a GPU sees
    the same batches and the same crops as one on a CPU.
    """
    source = torch.Generator()
    source.manual_seed(derive_seed(seed, stream, epoch))
    return source
