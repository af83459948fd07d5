"""Small data, a driver and an S3-compatible server that every test may use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pj2.data.prepared import PreparedData
from tests.helpers.bright_images import bright_images

# A shell's background job ignores Ctrl-C, and so would every process that a test interrupts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# It ends when its standard input does, so it cannot outlive the tests.
_SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no process waits for another's last module."""
    has = pytest.Item.get_closest_marker
    items.sort(key=lambda item: (not has(item, "slurm"), not has(item, "workflow")))


@pytest.fixture(autouse=True)
def _denormals() -> Iterator[None]:
    """Leave a process's numbers as they were: a job flushes denormals, which others draw."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture
def data() -> PreparedData:
    """150 training and 40 test images of 10 classes; a class is a brightness, plus noise."""
    return PreparedData(
        *bright_images(150, 40),
        mean=(0.43, 0.43, 0.43),
        std=(0.23, 0.23, 0.23),
        classes=tuple(f"class{label}" for label in range(10)),
        hash="0" * 64,
        name="custom",
        source="imagefolder",
    )


@pytest.fixture
def nvidia_smi(tmp_path_factory, monkeypatch) -> Callable[..., None]:
    """Put a program on PATH that lists GPUs with the given UUIDs, as NVIDIA's does."""
    folder: Path = tmp_path_factory.mktemp("driver")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def install(*uuids: str) -> None:
        lines = "".join(f"echo '{index}, {uuid}'\n" for index, uuid in enumerate(uuids))
        (folder / "nvidia-smi").write_text(f"#!/bin/sh\n{lines}")
        (folder / "nvidia-smi").chmod(0o755)

    return install


@pytest.fixture(scope="session")
def s3_options():
    """The options of a URI that lead to an S3 server with an empty bucket named pj2-runs."""
    import boto3

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as server:
            address = f"127.0.0.1:{int(server.stdout.readline())}"
            client = boto3.client("s3", endpoint_url=f"http://{address}", region_name="us-east-1")
            client.create_bucket(Bucket="pj2-runs")
            yield f"endpoint_override={address}&scheme=http&region=us-east-1"
            server.kill()
