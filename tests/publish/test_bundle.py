"""A bundle from somebody else is what its sums say, or every difference is told."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from pj2.errors import UserError
from pj2.publish.bundle import SUMS, check_bundle
from pj2.publish.place import files_in, new_folder
from pj2.store.files import sha256_file
from pj2.store.sums import write_sums

NAMES = ("README.md", "tables/t.csv", "runs/lr=1/best.safetensors")


def make(output: Path) -> Path:
    with new_folder(output, "study") as folder:
        for name in NAMES:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
        write_sums(folder / SUMS, files_in(folder))
    return output


@pytest.fixture
def bundle(tmp_path):
    return make(tmp_path / "bundle")


def test_a_folder_and_its_tar_file_are_whole_and_have_one_digest(bundle, tmp_path):
    check = ["sha256sum", "--check", "--strict", SUMS]
    assert not subprocess.run(check, cwd=bundle, check=False).returncode
    digest = sha256_file(bundle / SUMS)
    again = "find . -type f ! -name SHA256SUMS -exec sha256sum {} + > SHA256SUMS"
    for place in (bundle, make(tmp_path / "bundle.tar")):
        done = check_bundle(place, digest)
        assert (done.problems, done.files, done.digest) == ([], 4, digest)
        assert done.bytes == sum(path.stat().st_size for path in files_in(bundle))
        assert check_bundle(place, "0" * 64).problems == [f"{SUMS}: its SHA-256 is not {'0' * 64}"]
    subprocess.run(again, shell=True, cwd=bundle, check=True)  # as in docs/publishing.md
    assert check_bundle(bundle).problems == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda b: (b / NAMES[1]).write_text("edited"), f"{NAMES[1]}: damaged: its bytes are not"),
        (lambda b: (b / NAMES[1]).write_text(""), f"{NAMES[1]}: damaged: its bytes are not"),
        (lambda b: (b / NAMES[1]).unlink(), f"{NAMES[1]}: is missing"),
        (lambda b: (b / "more").touch(), f"more: {SUMS} does not name it"),
        (lambda b: (b / "more").symlink_to(NAMES[0]), "more: is a link, or not a regular"),
        (lambda b: (b / "more").symlink_to("/etc"), "more: is a link, or not a regular"),
        (lambda b: os.mkfifo(b / "more"), "more: is a link, or not a regular"),
        (lambda b: (b / SUMS).open("a").write("more\n"), f"{SUMS}: a line is not a SHA-256"),
    ],
)
def test_what_differs_in_a_folder_is_told(bundle, change, line):
    change(bundle)
    (found,) = check_bundle(bundle).problems
    assert found.startswith(line)


def member(name: str, **changes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in changes.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (member("study/tables/t.csv", size=1), "tables/t.csv: occurs twice"),
        (member("study/../../more", size=1), "../../more: is a link, or not a regular"),
        (member("/more", size=1), "/more: is a link, or not a regular file of its folder"),
        (
            member("other/more", size=1),
            "other/more: is a link, or not a regular file of its folder",
        ),
        (member("study/more", type=tarfile.SYMTYPE, linkname="/etc"), "more: is a link"),
        (member("study/more", type=tarfile.LNKTYPE, linkname="study/README.md"), "more: is a link"),
        (member("study/more", type=tarfile.FIFOTYPE), "more: is a link, or not a regular"),
        (
            member("study/more", pax_headers={"GNU.sparse.map": "9,0", "GNU.sparse.size": "9"}),
            "more: is a link, or not a regular",
        ),
    ],
)
def test_what_a_tar_file_has_besides_is_told_and_nothing_is_written(tmp_path, more, line):
    bundle = make(tmp_path / "bundle.tar")
    with tarfile.open(bundle, "a", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(more, io.BytesIO(b"x"))
    (found,) = check_bundle(bundle).problems
    assert found.startswith(line)
    assert list(tmp_path.iterdir()) == [bundle]


@pytest.mark.parametrize("damage", [b"", b"no tar file", None])
def test_what_is_no_bundle_is_a_users_mistake(tmp_path, damage):
    bundle = make(tmp_path / "bundle.tar")
    content = bundle.read_bytes()
    bundle.write_bytes(content[:600] if damage is None else damage)
    with pytest.raises(UserError, match=r"bundle\.tar: (is not a whole tar|is damaged|has no SHA)"):
        check_bundle(bundle)
    os.mkfifo(tmp_path / "pipe")
    for name in ("nowhere", "pipe"):
        with pytest.raises(UserError, match=f"{name}: cannot be read"):
            check_bundle(tmp_path / name)
