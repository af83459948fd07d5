"""The precision that ``auto`` means on a device. No torch.

It depends on the kind of device alone. Nothing is timed, so a machine gives every
run of a study the same precision, however busy it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# The instruction set, as `describe_device` names it, with which training steps are faster in bf16
# on a processor. Measured with four models at a quarter and half of their width, batches of 32
# and 128 and one thread on two virtual cores of an Intel Xeon: AMX makes steps 1.06 to 2.84 times
# as fast as in fp32; AVX512_BF16 without AMX 0.6 to 0.9 times.
_FAST_IN_BF16 = "AMX"
# Tensor cores compute in bfloat16 from compute capability 8.0 on (NVIDIA, CUDA C++ Programming
# Guide, table "Tensor Core input data types").
_LEAST_COMPUTE_CAPABILITY = 8


def auto_precision(hardware: Mapping[str, Any]) -> str:
    """Return the precision that ``auto`` means on hardware that `describe_device` described.

    ``bf16`` on a GPU that has it and on a processor with AMX, ``fp32`` elsewhere.
    """
    capability = str(hardware.get("capability"))
    if hardware.get("device") == "cuda":
        major = re.fullmatch(r"compute (\d+)\.\d+", capability)
        fast = major is not None and int(major[1]) >= _LEAST_COMPUTE_CAPABILITY
    else:
        fast = hardware.get("device") == "cpu" and _FAST_IN_BF16 in capability.split()
    return "bf16" if fast else "fp32"
