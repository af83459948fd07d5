"""Kill a training run at random moments, and finish it each time.

``python -m tests.training.kill_trials FOLDER TRIALS``

A process of its own, with one thread and everything imported, so that a fork
of it is training at once. Prints how often the run was alive when killed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from tests.helpers.small_run import assert_same_run, train

RUN = {"epochs": 2, "batch_size": 12}  # 5 steps an epoch


def killed_at(moment: float, folder: Path, store: Path) -> bool:
    """Train in a fork, kill it after `moment` seconds; tell whether it was still at it."""
    child = os.fork()
    if not child:
        train(folder, store, **RUN)
        os._exit(0)
    time.sleep(moment)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def main(folder: Path, trials: int) -> None:
    train(folder / "warm up", folder / "store", **RUN)
    started = time.perf_counter()
    train(folder / "whole", folder / "another store", **RUN)
    whole = time.perf_counter() - started
    moments = random.Random(0)
    alive = 0
    for trial in range(trials):
        run, store = folder / f"run{trial}", folder / f"store{trial}"
        alive += killed_at(moments.uniform(0, whole), run, store)
        if trial % 4 == 0:  # and once more, in what the first one left
            killed_at(moments.uniform(0, whole), run, store)
        train(run, store, **RUN)
        assert_same_run(run, folder / "whole")
    print(f"alive when killed: {alive}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
