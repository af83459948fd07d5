"""Assigns jobs to GPUs, several to each. No torch: this happens before CUDA starts.

Snakemake counts how many jobs may use GPUs, but assigns no GPU to a job. Each GPU
has as many places as runs that may share it; a place is a file that its holder
locks, so that the kernel frees it however the process ends.
"""

from __future__ import annotations

import fcntl
import os
import runpy
import stat
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from pj2.errors import UserError

VISIBLE = "CUDA_VISIBLE_DEVICES"
Choice = Literal["auto"] | Sequence[int]
_held: list[int] = []  # descriptors of the places that this process holds until it ends


@dataclass(frozen=True)
class Gpu:
    """A GPU as the driver counts it."""

    index: int
    uuid: str


def find_gpus(choice: Choice = "auto") -> list[Gpu]:
    """Return the NVIDIA GPUs that jobs may use, none if torch is built without CUDA.

    These are the GPUs in `choice`, among those that CUDA_VISIBLE_DEVICES shows,
    if it is set.

    Raises UserError if `choice` names another one.
    """
    there = _visible(_list_gpus()) if _torch_has_cuda() else []
    if choice == "auto":
        return there
    known = {gpu.index: gpu for gpu in there}
    for index in choice:
        if index not in known:
            names = ", ".join(map(str, known)) or "none"
            raise UserError(f"gpus: there is no GPU {index} to use here; there is {names}")
    return [known[index] for index in choice]


def take_gpu(choice: Choice, runs_per_gpu: int, places: Path | None = None) -> Gpu | None:
    """Reserve a place on a GPU for this process and show CUDA that GPU only.

    The emptiest GPU is taken; while all places are held, this waits. Where
    CUDA_VISIBLE_DEVICES names a single GPU, as it does in a scheduler's job, that
    assignment stands and nothing is reserved. Returns None without a GPU.

    Args:
        choice: the GPUs to choose from.
        runs_per_gpu: how many processes may hold one.
        places: folder of the locks; by default one below the temporary folder. If it is not
            this user's alone, it is not used: GPUs are then shared out by process id,
            without reservation.
    """
    gpus = find_gpus(choice)
    if not gpus:
        return None
    if len(gpus) == 1 and VISIBLE in os.environ:
        return gpus[0]
    path = places or Path(tempfile.gettempdir(), f"pj2-gpus-{os.getuid()}")
    folder = _own_folder(path)
    if folder is None:
        print(f"{path}: is no folder of this user alone; GPUs are not reserved", flush=True)
        return _show(gpus[os.getpid() % len(gpus)])
    told = False
    while True:
        for place in range(runs_per_gpu):
            for gpu in gpus:
                if _lock(f"{gpu.uuid}.{place}", folder):
                    os.close(folder)
                    return _show(gpu)
        if not told:
            print(f"waits for a GPU: {runs_per_gpu} runs are on each of {len(gpus)}", flush=True)
            told = True
        time.sleep(1)


def _show(gpu: Gpu) -> Gpu:
    """Let CUDA see this GPU only."""
    os.environ[VISIBLE] = gpu.uuid
    return gpu


def _own_folder(path: Path) -> int | None:
    """Open a folder, and make it if it is missing; return None unless it is this user's alone.

    In a temporary folder that all share, anybody may have made it, or a link of that name.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    status = os.fstat(folder)
    if status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077:
        return folder
    os.close(folder)
    return None


def _lock(name: str, folder: int) -> bool:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    descriptor = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _held.append(descriptor)
    return True


def nvidia_smi(fields: str, timeout: float) -> list[str]:
    """Return a line for each GPU that NVIDIA's driver lists, with the `fields` asked for.

    Return nothing if there is no driver, or it does not answer within `timeout` seconds.
    """
    command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader"]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=timeout
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return answer.stdout.splitlines()


def _list_gpus() -> list[Gpu]:
    listed = nvidia_smi("index,uuid", timeout=60)
    pairs = (line.split(",") for line in listed if line.count(",") == 1)
    return [Gpu(int(index), uuid.strip()) for index, uuid in pairs if index.strip().isdigit()]


def _visible(gpus: list[Gpu]) -> list[Gpu]:
    """Apply CUDA_VISIBLE_DEVICES: indices or beginnings of UUIDs; an unknown one ends the list."""
    if VISIBLE not in os.environ:
        return gpus
    shown: list[Gpu] = []
    for name in os.environ[VISIBLE].split(","):
        name = name.strip()
        if name.startswith("MIG-"):  # a part of a GPU, which the query does not list
            shown.append(Gpu(len(shown), name))
            continue
        match = [g for g in gpus if name and (str(g.index) == name or g.uuid.startswith(name))]
        if not match:
            break
        shown.append(match[0])
    return shown


def _torch_has_cuda() -> bool:
    torch = find_spec("torch")
    if torch is None or torch.origin is None:
        return False
    return bool(runpy.run_path(str(Path(torch.origin).with_name("version.py"))).get("cuda"))
