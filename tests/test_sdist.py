"""The source distribution is the repository: from it everything runs that runs in a clone."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.helpers.repository import REPOSITORY


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="git says what the repository has")
def test_it_has_every_file_of_the_repository(tmp_path):
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(
        listed, cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    source = tmp_path / "source"
    files = [name for name in names.split("\0") if name and (REPOSITORY / name).exists()]
    for name in files:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, source / name)
    build = "from setuptools.build_meta import build_sdist; build_sdist('..')"
    subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, check=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        packed = {str(Path(*Path(name).parts[1:])) for name in opened.getnames()}
    assert {name for name in files if not name.startswith(".")} - packed == set()
