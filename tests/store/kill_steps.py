"""Kill a writer at each step of adding an epoch, and finish it.

``python -m tests.store.kill_steps FOLDER``

A process of its own, so that it can fork. Prints how many steps there are.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

from pj2.store.maintain import clear, verify
from pj2.store.manifest import Blob
from tests.store.made_entries import contents, new_store, published, run_entry

EPOCHS = 3


def entry(store, epochs):
    return run_entry(store, [0.1] * epochs)


def add_epoch(root: Path) -> None:
    """What a training job does after its third epoch: put, publish, retire the first."""
    store, said = new_store(root)
    assert store.publish(entry(store, EPOCHS))
    first = entry(new_store(root.with_name("other"))[0], 1)
    optimizer = first.body["state"]["optimizer"]
    store.retire(first, [Blob(**optimizer)])
    assert said == []


def write_in_two(path: Path, data: bytes) -> None:
    """Like Path.write_bytes, with a step between the halves."""
    with path.open("wb") as file:
        file.write(data[: len(data) // 2])
        file.flush()
        sys.audit("half")
        file.write(data[len(data) // 2 :])


def killed_at(step: int, root: Path) -> bool:
    """Add an epoch in a fork that is killed at one of its steps; False if it has not so many."""
    child = os.fork()
    if not child:
        Path.write_bytes = write_in_two
        steps = iter(range(step))

        def hook(event, _):
            is_step = event in {"open", "half"} or event.startswith("os.")
            if is_step and next(steps, None) is None:
                signal.raise_signal(signal.SIGKILL)

        sys.addaudithook(hook)
        add_epoch(root)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


def main(folder: Path) -> None:
    store, _ = new_store(folder / "before")
    for epochs in (1, 2):
        published(store, accuracies=[0.1] * epochs)
    shutil.copytree(folder / "before", folder / "undisturbed")
    add_epoch(folder / "undisturbed")
    step, left = 0, 0
    while True:
        root = folder / f"step{step}"
        shutil.copytree(folder / "before", root)
        alive = killed_at(step, root)
        store, said = new_store(root)
        newest = next(store.manifests(entry(new_store(folder / "other")[0], 1).fingerprint))
        assert newest.epochs in {EPOCHS - 1, EPOCHS}
        assert all(Blob.of(store.read(blob)) == blob for blob in newest.blobs)
        found = verify(store, said)
        assert (found.damaged, found.missing, said) == (0, 0, []), (step, said)
        left += found.temporary + found.unreferenced > 0
        add_epoch(root)
        clear(store, [], grace=0)
        assert contents(root) == contents(folder / "undisturbed"), step
        if not alive:
            break
        step += 1
    print(f"steps: {step}, of which left something: {left}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
