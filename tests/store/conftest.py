"""A store in an empty folder, a small disk of its own, and a remote tier."""

from __future__ import annotations

import subprocess
import uuid

import pytest

from tests.store.made_entries import mount, new_store


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


@pytest.fixture(params=["folder", "s3"])
def remote_address(request, tmp_path):
    """Where an empty remote tier is: a folder, or a prefix in an S3 bucket."""
    if request.param == "folder":
        return str(tmp_path / "remote")
    options = request.getfixturevalue("s3_options")
    return f"s3://pj2-runs/{uuid.uuid4().hex}?{options}"
