"""What a process sets before it computes."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys, torch
from pj2.training.device import prepare_device
prepare_device(torch.device("cpu"), 2)
assert torch.get_num_threads() == 2
assert torch.get_deterministic_debug_mode() == 2  # an error, not a warning
assert not torch.utils.deterministic.fill_uninitialized_memory
assert (torch.tensor([1e-40]) * 1.0).item() == 0.0
# The compiler takes as long to import as torch does, and nothing here is compiled.
assert not {"torch._dynamo", "torch._inductor"} & sys.modules.keys()
"""


def test_a_process_computes_repeatably_and_without_the_compiler():
    subprocess.run([sys.executable, "-c", CODE], check=True)
