"""GPUs are shared out among processes; a fake nvidia-smi stands for the driver."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from pj2.cluster import gpus
from pj2.cluster.gpus import Gpu, find_gpus, take_gpu
from pj2.errors import UserError

TAKE = """\
import sys
from pathlib import Path
from pj2.cluster import gpus
gpus._torch_has_cuda = lambda: True
gpu = gpus.take_gpu("auto", int(sys.argv[1]), Path(sys.argv[2]))
print("took", gpu.uuid if gpu else None, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def cuda(monkeypatch):
    monkeypatch.setattr(gpus, "_torch_has_cuda", lambda: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # so that it is as before when a test has set it
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")


@contextmanager
def taking(folder, runs_per_gpu=1):
    """A process that takes a GPU and holds it until its end."""
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE, str(runs_per_gpu), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process):
    return process.stdout.readline().strip()


def test_gpus_are_found_by_index_and_uuid(nvidia_smi):
    nvidia_smi("GPU-aa", "GPU-bb", "GPU-cc")
    assert find_gpus() == [Gpu(0, "GPU-aa"), Gpu(1, "GPU-bb"), Gpu(2, "GPU-cc")]
    assert find_gpus([2, 0]) == [Gpu(2, "GPU-cc"), Gpu(0, "GPU-aa")]


@pytest.mark.parametrize(
    ("variable", "shown"),
    [("1", ["GPU-bb"]), ("GPU-c,0", ["GPU-cc", "GPU-aa"]), ("", []), ("0,7,1", ["GPU-aa"]),
     ("MIG-x", ["MIG-x"]), ("-1", [])],
)  # fmt: skip
def test_cuda_visible_devices_is_obeyed(nvidia_smi, monkeypatch, variable, shown):
    nvidia_smi("GPU-aa", "GPU-bb", "GPU-cc")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert [gpu.uuid for gpu in find_gpus()] == shown


def test_a_gpu_that_is_not_there_is_named(nvidia_smi):
    nvidia_smi("GPU-aa", "GPU-bb")
    with pytest.raises(UserError, match="gpus: there is no GPU 3 to use here; there is 0, 1"):
        find_gpus([0, 3])


def test_without_a_driver_or_a_torch_for_it_there_are_none(nvidia_smi, monkeypatch, tmp_path):
    nvidia_smi("GPU-aa")
    monkeypatch.setattr(gpus, "_torch_has_cuda", lambda: False)
    assert find_gpus() == []
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_gpus() == []
    assert take_gpu("auto", 2, tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_processes_spread_over_the_gpus_before_they_share_one(nvidia_smi, tmp_path):
    nvidia_smi("GPU-aa", "GPU-bb")
    with taking(tmp_path, 2) as one:
        assert said(one) == "took GPU-aa"
        with taking(tmp_path, 2) as two:
            assert said(two) == "took GPU-bb"
            with taking(tmp_path, 2) as three:
                assert said(three) == "took GPU-aa"


def test_a_place_is_free_again_when_its_holder_is_killed(nvidia_smi, tmp_path):
    nvidia_smi("GPU-aa", "GPU-bb")
    with taking(tmp_path) as one, taking(tmp_path) as two:
        taken = {said(one), said(two)}
        assert taken == {"took GPU-aa", "took GPU-bb"}
        with taking(tmp_path) as three:
            assert said(three) == "waits for a GPU: 1 runs are on each of 2"
            two.kill()
            assert said(three) in taken


def test_a_schedulers_single_gpu_stands_whoever_else_has_it(nvidia_smi, tmp_path, monkeypatch):
    nvidia_smi("GPU-aa", "GPU-bb")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with taking(tmp_path) as one, taking(tmp_path) as two:
        assert said(one) == said(two) == "took GPU-bb"
    assert list(tmp_path.glob("GPU*")) == []


def test_cuda_is_shown_the_gpu_that_was_taken(nvidia_smi, tmp_path, monkeypatch):
    nvidia_smi("GPU-aa", "GPU-bb")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-bb,GPU-aa")
    assert take_gpu("auto", 1, tmp_path) == Gpu(1, "GPU-bb")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-bb"


@pytest.mark.parametrize("trap", ["link", "file", "open to all"])
def test_a_folder_of_locks_that_others_may_have_made_is_not_used(
    nvidia_smi, tmp_path, capsys, trap
):
    nvidia_smi("GPU-aa", "GPU-bb")
    folder, victim = tmp_path / "places", tmp_path / "victim"
    victim.mkdir(mode=0o700)
    if trap == "link":
        folder.symlink_to(victim)
    elif trap == "file":
        folder.touch()
    else:
        folder.mkdir()
        folder.chmod(0o777)
        (folder / "GPU-aa.0").symlink_to(victim / "made_through_the_link")
    taken = take_gpu("auto", 1, folder)
    assert taken in find_gpus()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == taken.uuid
    assert list(victim.iterdir()) == []
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{folder}: is no folder of this user alone")


def test_another_users_folder_of_locks_is_not_waited_for(nvidia_smi, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can act as two users")
    nvidia_smi("GPU-aa")
    folder = tmp_path / "places"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, -1)
    with (folder / "GPU-aa.0").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert take_gpu("auto", 1, folder) == Gpu(0, "GPU-aa")
