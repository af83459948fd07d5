"""A store in an empty folder, a small disk of its own, and an S3-compatible server."""

from __future__ import annotations

import subprocess
import sys
import uuid

import pytest
from made_entries import mount, new_store

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


@pytest.fixture
def made(tmp_path):
    """An empty store, and the list of the lines that it says."""
    return new_store(tmp_path / "store")


@pytest.fixture
def store(made):
    return made[0]


@pytest.fixture
def said(made):
    return made[1]


@pytest.fixture
def small_disk(tmp_path):
    """A folder that is a file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


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


@pytest.fixture(params=["folder", "s3"])
def remote_address(request, tmp_path):
    """Where an empty remote tier is: a folder, or a prefix in an S3 bucket."""
    if request.param == "folder":
        return str(tmp_path / "remote")
    options = request.getfixturevalue("s3_options")
    return f"s3://pj2-runs/{uuid.uuid4().hex}?{options}"
