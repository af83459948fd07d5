"""Python reads this as it starts: a training job then takes its processor for one with AMX."""

import sys

if "train" in sys.orig_argv:
    from pj2.training import device

    device._instruction_sets = lambda: "AVX512 AVX512_BF16 AMX"
