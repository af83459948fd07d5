"""Run snakemake in this process and count what Python does: calls of functions, by where they are.

python count_calls.py OUTPUT.json SNAKEMAKE-ARGUMENT ...
"""

from __future__ import annotations

import collections
import json
import sys
import threading

counts: collections.Counter[str] = collections.Counter()
SYSTEM = {"stat", "lstat", "open", "scandir", "listdir", "read_text", "exists"}


def count(frame, event, argument):
    if event == "call":
        name = frame.f_code.co_filename
        if "/pj2/" in name or name.endswith((".smk", "/Snakefile")):
            counts["pj2"] += 1
    elif event == "c_call" and argument.__name__ in SYSTEM:
        counts["file system"] += 1


if __name__ == "__main__":
    from snakemake.cli import main

    sys.setprofile(count)
    threading.setprofile(count)
    try:
        main(sys.argv[2:])
    except SystemExit as end:
        status = end.code
    sys.setprofile(None)
    with open(sys.argv[1], "w") as file:
        json.dump({"status": status, **counts}, file)
