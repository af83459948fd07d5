"""Manifests and tar files of any content: one line, or the right bytes, and nothing outside."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import tarfile
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pj2.cli.main import app
from pj2.config.names import canonical_json
from pj2.errors import UserError
from pj2.store.contents import read_entries
from pj2.store.manifest import blob_in, entry_folder, fingerprint_in, read_manifest
from pj2.store.transfer import export_entries, import_entries
from tests.store.made_entries import contents, new_store, published, study

BOUNDED = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=set(Phase) - {Phase.explain},
)
FINGERPRINT = "ab" * 32
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
REFERENCES = st.fixed_dictionaries(
    {
        "sha256": st.sampled_from(["a" * 64, "../../x", ""]) | LEAVES,
        "size": st.integers(-1, 10**20) | LEAVES,
    }
)
KEYS = ["settings", "packages", "hardware", "versions", "epochs", "row", "val_accuracy", "weights"]
ANY = st.recursive(
    LEAVES | REFERENCES,
    lambda part: (
        st.lists(part, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), part, max_size=4)
    ),
    max_leaves=12,
)
BODIES = ANY | st.fixed_dictionaries(
    {},
    optional={
        "epochs": ANY
        | st.lists(
            st.fixed_dictionaries({"row": st.dictionaries(st.just("val_accuracy"), LEAVES)}),
            max_size=3,
        ),
        "predictions": REFERENCES | ANY,
        "hardware": ANY,
        "versions": ANY,
        "divergence": ANY,
        "state": ANY,
    },
)
INPUTS = ANY | st.fixed_dictionaries(
    {"settings": st.dictionaries(st.sampled_from(["model", "seed", "weights"]), ANY)},
    optional={"packages": ANY, "data": ANY},
)


def written(root: Path, kind, inputs, body) -> None:
    """Write a manifest of any content under the name that its content has."""
    value = {
        **{"format": 1, "kind": kind, "fingerprint": FINGERPRINT, "epochs": 1, "steps": 0},
        **{"inputs": inputs, "body": body},
    }
    content = canonical_json(value).encode(errors="surrogatepass")
    digest = hashlib.sha256(content).hexdigest()[:16]
    path = root / f"{entry_folder(FINGERPRINT)}/{kind}.000001.000000.{digest}.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


@BOUNDED
@given(st.sampled_from(["run", "predictions", "measurement"]), INPUTS, BODIES)
def test_a_manifest_of_any_content_ends_no_command_with_an_internal_error(kind, inputs, body):
    with tempfile.TemporaryDirectory() as folder:
        store, _ = new_store(Path(folder, "store"))
        whole = published(store)
        study(Path(folder, "config.yaml"))
        written(store.local.root, kind, inputs, body)
        for command in (
            *(["ls"], ["show", "ab"], ["gc", "--keep", "config.yaml", "--dry-run"]),
            *(["export", "x.tar"], ["verify"]),
        ):
            with contextlib.chdir(folder):
                result = CliRunner().invoke(app, ["store", *command, "--store", "store"])
            fine = result.exception is None or isinstance(result.exception, UserError | SystemExit)
            assert fine, (command, result.exception)
            assert not re.search("[\0-\x09\x0b-\x1f\x7f-\x9f]", result.output)
        assert whole in list(store.all_manifests())
        assert sorted(path.name for path in Path(folder).iterdir()) == [
            *("config.yaml", "store", "x.tar")
        ]


@pytest.fixture(scope="module")
def tar(tmp_path_factory):
    """The bytes of a tar file of two entries, and the files that it holds."""
    folder = tmp_path_factory.mktemp("exported")
    store, _ = new_store(folder / "store")
    for seed in range(2):
        published(store, accuracies=[0.5], seed=seed)
    export_entries(store, read_entries(store), folder / "x.tar", [])
    return (folder / "x.tar").read_bytes(), contents(folder / "store")


HEADERS = st.dictionaries(
    st.sampled_from(["size", "path", "GNU.sparse.map", "GNU.sparse.size", "GNU.sparse.major",
                     "GNU.sparse.minor", "GNU.sparse.name", "GNU.sparse.realsize", "comment"]),
    st.integers(-(10**20), 10**20).map(str) | st.text(max_size=8) | st.sampled_from(["1", "0"]),
    max_size=4,
)  # fmt: skip
EDITS = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=16)), max_size=4)


def edited(data: bytes, headers, edits, cut: float) -> bytes:
    """Return a tar file with one more member, bytes written over, and its end cut off."""
    file = io.BytesIO(data)
    with tarfile.open(fileobj=file, mode="a", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo(f"blobs/aa/{'a' * 64}")
        member.pax_headers = headers
        archive.addfile(member)
    made = bytearray(file.getvalue())
    for place, new in edits:
        start = round(place * len(made))
        made[start : start + len(new)] = new
    return bytes(made[: round(cut * len(made))])


@BOUNDED
@given(HEADERS, EDITS, st.just(1.0) | st.floats(0, 1))
def test_a_tar_file_of_any_content_gives_the_right_bytes_or_a_line(tar, headers, edits, cut):
    whole, files = tar
    data = edited(whole, headers, edits, cut)
    with tempfile.TemporaryDirectory() as folder:
        store, said = new_store(Path(folder, "store"))
        source = Path(folder, "x.tar")
        source.write_bytes(data)
        problems: list[str] = []
        tracemalloc.start()
        try:
            import_entries(store, source, problems)
        except UserError as error:
            problems += error.problems
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        taken = contents(Path(folder, "store"))
        assert taken.items() <= files.items()
        assert taken == files or problems
        assert all("\n" not in line for line in [*problems, *said])
        assert {path.name for path in Path(folder).iterdir()} <= {"store", "x.tar"}
        assert peak < 20_000_000  # what a header may claim is far more
        for name in filter(fingerprint_in, taken):
            manifest = read_manifest(store.local, name)
            assert all(blob.name in taken for blob in manifest.blobs)
        assert all(fingerprint_in(name) or blob_in(name) for name in taken)
