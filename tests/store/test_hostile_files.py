"""Files in a store that are no files of it: pipes, devices, files of any size, closed folders."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from pj2.cli.main import app
from pj2.errors import UserError
from pj2.runs.reading import read_parquet
from pj2.runs.result import Cut, ending
from pj2.store import files as files_module
from pj2.store import store as store_module
from pj2.store.contents import held_blobs, read_entries
from pj2.store.files import Damaged, open_parquet, sha256_file, write_table
from pj2.store.maintain import clear, verify
from pj2.store.manifest import MANIFEST_BYTES, Blob, Manifest, read_manifest
from pj2.store.open import open_existing
from pj2.store.store import BlobUnavailable, RunStore
from pj2.store.tiers import Folder
from pj2.store.transfer import export_entries, import_entries
from tests.store.made_entries import make_old, new_store, predictions_entry, published

HUGE = 40 << 30  # more than can be read; a sparse file of this size takes no disk


def pipe(path):
    os.mkfifo(path)


def endless(path):
    path.symlink_to("/dev/zero")


def link_to_a_pipe(path):
    os.mkfifo(path.with_suffix(".pipe"))
    path.symlink_to(path.with_suffix(".pipe"))


def huge(path):
    path.touch()
    os.truncate(path, HUGE)


def folder(path):
    (path / "within").mkdir(parents=True)


IMPOSTORS = [pipe, endless, link_to_a_pipe, huge, folder]


def replaced(store, name, impostor):
    store.local.path(name).unlink()
    impostor(store.local.path(name))


@pytest.fixture(params=IMPOSTORS, ids=lambda impostor: impostor.__name__)
def impostor(request):
    return request.param


# Read


def test_an_impostor_of_a_blob_is_set_aside_and_made_again(store, said, impostor):
    blob = store.put(b"content")
    replaced(store, blob.name, impostor)
    with pytest.raises(BlobUnavailable):
        store.read(blob)
    assert len(said) == 1
    assert f"{blob.name} is damaged; it is not used, and was set aside" in said[0]
    store.put(b"content")
    assert store.read(blob) == b"content"


def test_an_impostor_of_a_manifest_is_set_aside_and_the_one_before_is_used(store, said, impostor):
    older, newer = published(store, accuracies=[0.1]), published(store, accuracies=[0.1, 0.2])
    replaced(store, newer.name, impostor)
    assert list(store.manifests(newer.fingerprint)) == [older]
    assert [entry.newest for entry in read_entries(store)] == [older]
    # A folder is no file that is listed.
    assert [line.partition(": ")[2].split()[0] for line in said] == [newer.name] * (
        impostor is not folder
    )


def test_an_impostor_is_replaced_where_nobody_noticed_it(store, said):
    manifest = published(store)
    for name in (manifest.blobs[0].name, manifest.name):
        replaced(store, name, pipe)
    assert published(store) == manifest
    assert verify(store, said).damaged == 0


@pytest.mark.parametrize("impostor", [pipe, endless, link_to_a_pipe, huge])
def test_verify_counts_impostors_as_damaged(store, said, impostor):
    hit, other = published(store, tag="hit"), published(store, tag="other")
    replaced(store, hit.blobs[0].name, impostor)
    replaced(store, other.name, impostor)
    found = verify(store, said)
    assert (found.damaged, found.missing, found.manifests) == (2, 1, 1)


def test_an_impostor_is_neither_exported_nor_imported(store, said, impostor, tmp_path):
    hit = published(store, tag="hit")
    whole = published(store, tag="whole")
    replaced(store, hit.blobs[0].name, impostor)
    other, _ = new_store(tmp_path / "other")
    problems = []
    assert import_entries(other, store.local.root, problems).manifests == 1
    assert len(problems) == 1 + (impostor is not folder)
    problems = []
    done = export_entries(store, read_entries(store), tmp_path / "x.tar", problems)
    assert (done.manifests, len(problems)) == (1, 1)
    assert hit.name in problems[0]
    assert list(other.all_manifests()) == [whole]


def test_a_pipe_is_no_tar_file(store, tmp_path):
    os.mkfifo(tmp_path / "runs.tar")
    with pytest.raises(UserError, match=r"runs\.tar: cannot be read \(not a regular file\)"):
        import_entries(store, tmp_path / "runs.tar", [])


def test_only_a_regular_file_has_a_digest(tmp_path):
    for make in (pipe, endless, link_to_a_pipe):
        make(tmp_path / make.__name__)
        with pytest.raises(Damaged, match="not a regular file"):
            sha256_file(tmp_path / make.__name__)


def test_a_link_to_the_right_file_is_as_good(store, tmp_path):
    blob = store.put(b"content")
    (tmp_path / "elsewhere").write_bytes(b"content")
    replaced(store, blob.name, lambda path: path.symlink_to(tmp_path / "elsewhere"))
    assert store.read(blob) == b"content"


def test_a_manifest_that_nobody_would_read_is_not_written(store, said, monkeypatch):
    monkeypatch.setattr(store_module, "MANIFEST_BYTES", 10)
    assert not store.publish(Manifest("run", "f" * 64, {}, {}))
    assert "File too large" in said[0]
    assert store.local.names("") == []


def test_a_run_of_thousands_of_epochs_is_read(store):
    long = published(store, accuracies=[1 / epoch for epoch in range(1, 2000)])
    assert len(long.content) < MANIFEST_BYTES
    assert list(store.manifests(long.fingerprint)) == [long]


# Folders and files that this user may not read


@pytest.fixture
def shared():
    """A store that everybody may write to, with two entries; and somebody else to act as."""
    if os.geteuid() != 0:
        pytest.skip("only root can act as two users")
    CliRunner().invoke(app, ["store", "verify", "--store", "absent"])  # imports what it needs
    root = Path(tempfile.mkdtemp())
    try:
        store, _ = new_store(root / "store")
        entries = [published(store, tag=tag) for tag in ("one", "two")]
        make_old(root, days=9)
        for path in [root, *root.rglob("*")]:
            if path.is_dir():
                path.chmod(0o777)
        yield store, *entries
    finally:
        shutil.rmtree(root)


@contextmanager
def somebody_else():
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def close_folder(store, manifest):
    """Close the folder of an entry, and return its name."""
    closed = store.local.path(manifest.name).parent
    closed.chmod(0o700)
    return closed.relative_to(store.local.root).as_posix()


def close_file(store, manifest):
    store.local.path(manifest.name).chmod(0o400)
    return manifest.name


def close_blobs(store, manifest):
    (store.local.root / "blobs").chmod(0o700)
    return "blobs"


def close_store(store, manifest):
    store.local.root.chmod(0o700)
    return ""


CLOSED = [close_folder, close_file, close_blobs, close_store]


@pytest.mark.parametrize("close", CLOSED)
def test_a_job_goes_on_without_what_it_may_not_read_and_says_so(shared, close):
    store, hit, _ = shared
    closed = close(store, hit)
    said = []
    other = RunStore(Folder(store.local.root), None, said.append)
    with somebody_else():
        found = list(other.manifests(hit.fingerprint))
        there = [other.has(blob) for blob in hit.blobs]
        unavailable = 0
        for blob in hit.blobs:
            try:
                other.read(blob)
            except BlobUnavailable:
                unavailable += 1
        again = other.put(b"made again")
        assert other.read(again) == b"made again"
        other.push_pending()
    assert found == ([hit] if close is close_blobs else [])
    assert all(there) == (unavailable == 0) == (close in (close_folder, close_file))
    reading = [line for line in said if "cannot be read (Permission denied); going on" in line]
    assert reading
    assert all(closed in line for line in reading)


@pytest.mark.parametrize("close", CLOSED)
@pytest.mark.parametrize("command", ["verify", "ls", "export", "gc"])
def test_a_command_never_takes_what_it_may_not_read_for_absent(shared, close, command, tmp_path):
    store, hit, whole = shared
    closed = close(store, hit)
    before = store.local.names("")
    arguments = {"export": [str(store.local.root.parent / "x.tar")], "gc": ["--keep", "0B"]}
    with somebody_else():
        result = CliRunner().invoke(
            app, ["store", command, *arguments.get(command, []), "--store", str(store.local.root)]
        )
    if isinstance(result.exception, UserError | OSError):  # what main() prints, with exit code 2
        lines = str(result.exception).splitlines()
    else:
        assert result.exit_code == 1, result.output
        lines = [line for line in result.output.splitlines() if "cannot be read" in line]
    assert lines
    assert any(closed in line and "Permission denied" in line for line in lines)
    assert store.local.names("") == before
    if close is close_folder and command == "export":
        other, _ = new_store(tmp_path / "other")
        import_entries(other, store.local.root.parent / "x.tar", [])
        assert list(other.all_manifests()) == [whole]


def test_entries_that_are_a_file_are_not_an_empty_store(store, said):
    published(store)
    shutil.rmtree(store.local.root / "entries")
    (store.local.root / "entries").write_text("")
    assert list(store.all_manifests()) == []
    assert said == [
        f"store {store.local}: entries cannot be read (Not a directory); going on without it"
    ]
    with pytest.raises(UserError, match=r"entries: cannot be read \(Not a directory\)"):
        clear(store, [])


def test_a_remote_folder_that_may_not_be_read_is_not_an_empty_one(shared, tmp_path):
    store, hit, _ = shared
    store.local.root.chmod(0o700)
    other, said = new_store(store.local.root.parent / "other", store.local)
    with somebody_else():
        assert list(other.manifests(hit.fingerprint)) == []
        with pytest.raises(UserError, match=r"--remote .*: cannot be read \(Permission denied\)"):
            open_existing(str(other.local.root.parent), str(store.local.root))
    assert len(said) == 1
    assert "not reachable" in said[0]
    assert "Permission denied" in said[0]


def test_a_remote_folder_that_is_not_there_is_a_mistyped_name(store, tmp_path):
    published(store)
    with pytest.raises(UserError, match=r"--remote .*stoer: there is no such folder"):
        open_existing(str(store.local.root), str(tmp_path / "stoer"))


# Terminals


def test_what_a_manifest_holds_moves_no_cursor(tmp_path):
    store, _ = new_store(tmp_path / "store")
    hostile = "\x1b[2J\x9b31m\r\u202eimposed"
    blob = store.put(b"weights")
    body = {
        "hardware": {hostile: hostile},
        "versions": {hostile: hostile},
        hostile: blob.as_json(),
        "epochs": [{"row": {"epoch": hostile, "val_accuracy": None}}],
    }
    settings = dict.fromkeys(["model", "learning_rate", "seed", hostile], hostile)
    inputs = {"settings": settings, "data": hostile, "packages": {hostile: hostile}}
    store.publish(Manifest("run", "f" * 64, inputs, body))
    for command in (["ls"], ["show", "f"], ["verify"], ["gc", "--keep", "0B", "--dry-run"]):
        result = CliRunner().invoke(app, ["store", *command, "--store", str(store.local.root)])
        assert result.exit_code == 0, result.output
        assert set(result.output) & set("\x1b\x9b\r\u202e") == set()
        assert ("imposed" in result.output) == (command != ["verify"])


# What several sizes say


def test_a_size_that_a_manifest_lies_about_is_damage_of_that_entry_only(store, said):
    blob = store.put(b"content")
    lying = Manifest("run", "a" * 64, {}, {"x": Blob(blob.sha256, 10**15).as_json()})
    right = Manifest("run", "b" * 64, {}, {"x": blob.as_json()})
    for manifest in (lying, right):
        store.publish(manifest)
    found = verify(store, said)
    assert (found.damaged, found.missing, found.blobs) == (0, 1, 1)
    assert said == [f"{lying.name}: 1 of its blobs are not in the store"]
    assert not store.has(Blob(blob.sha256, 10**15))
    assert store.read(blob) == b"content"


def test_a_manifest_is_read_from_any_tier_as_what_it_is(store):
    manifest = predictions_entry(store, "a" * 64)
    store.publish(manifest)
    assert read_manifest(store.local, manifest.name) == manifest
    renamed = manifest.name.replace("predictions.", "run.")
    store.local.write(renamed, manifest.content)
    with pytest.raises(Damaged):
        read_manifest(store.local, renamed)
    assert held_blobs(store).keys() == set(manifest.blobs)


# Parquet


def test_a_parquet_file_that_would_fill_the_memory_is_not_read(tmp_path, monkeypatch):
    table = pa.table({"label": pa.array([0] * 1000)})
    write_table(tmp_path / "zeros.parquet", table)
    with open_parquet(tmp_path / "zeros.parquet") as file:
        assert file.read() == table
    monkeypatch.setattr(files_module, "MOST_VALUES", 999)
    with (
        pytest.raises(pa.ArrowInvalid, match="states 1,000 values"),
        open_parquet(tmp_path / "zeros.parquet"),
    ):
        pass
    with pytest.raises(UserError, match="states 1,000 values"):
        read_parquet(tmp_path / "zeros.parquet", ["label"])
    pipe(tmp_path / "pipe.parquet")
    with pytest.raises(UserError, match="not a regular file"):
        read_parquet(tmp_path / "pipe.parquet", ["label"])


@pytest.mark.parametrize("content", [b"", b"no table", b"PAR1" * 9])
def test_predictions_that_are_no_table_are_a_line(tmp_path, content):
    (tmp_path / "predictions.parquet").write_bytes(content)
    with pytest.raises(UserError, match="not a readable Parquet file"):
        ending(Cut(1, "completed", 0), tmp_path / "predictions.parquet")
    write_table(tmp_path / "predictions.parquet", pa.table({"label": [0]}))
    with pytest.raises(UserError, match="no column probabilities"):
        ending(Cut(1, "completed", 0), tmp_path / "predictions.parquet")
