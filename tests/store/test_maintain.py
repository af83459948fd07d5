"""Verifying, clearing, exporting and importing."""

from __future__ import annotations

import filecmp
import io
import os
import tarfile
from pathlib import Path

import pytest

from pj2.errors import UserError
from pj2.store.contents import find_entry, held_blobs, read_entries
from pj2.store.keep import parse_duration, parse_rule, parse_size
from pj2.store.maintain import Verified, clear, verify
from pj2.store.manifest import Blob, Manifest, places
from pj2.store.tiers import Folder
from pj2.store.transfer import export_entries, import_entries
from tests.store.made_entries import (
    contents,
    files_below,
    flip_byte,
    make_old,
    new_store,
    predictions_entry,
    published,
    study,
    weights,
)


def cleared(store, *rules, **options):
    return clear(store, [parse_rule(str(rule)) for rule in rules], **options)


def fingerprints(store):
    return {manifest.fingerprint for manifest in store.all_manifests()}


# Looking into it


def test_entries_come_the_last_used_first(store):
    old = published(store, tag="old")
    make_old(store.local.root, days=1)
    new = published(store, tag="new", accuracies=[0.1])
    published(store, tag="new", accuracies=[0.1, 0.2])
    first, second = read_entries(store)
    assert (first.fingerprint, second.fingerprint) == (new.fingerprint, old.fingerprint)
    assert [manifest.epochs for manifest in first.manifests] == [2, 1]
    assert first.state == "whole"
    assert first.used > second.used


def test_an_entry_is_found_by_how_it_begins(store):
    manifests = [published(store, seed=seed) for seed in range(17)]
    entries = read_entries(store)
    wanted = manifests[3].fingerprint
    assert find_entry(entries, wanted[:20]).fingerprint == wanted
    with pytest.raises(UserError, match=r"17 entries begin with it: [0-9a-f]{12}, "):
        find_entry(entries, "")
    wrong = wanted[:7] + ("0" if wanted[7] != "0" else "1")
    with pytest.raises(UserError, match=f"the nearest is {wanted[:12]}"):
        find_entry(entries, wrong)
    with pytest.raises(UserError, match="the store is empty"):
        find_entry([], wrong)


# Verify


def test_a_whole_store_is_verified(store, said):
    manifest = published(store)
    store.put(b"not referred to")
    (store.local.root / "blobs/.tmp-killed").write_bytes(b"half")
    (store.local.root / "blobs/.DS_Store").write_bytes(b"a stranger")
    assert verify(store, said) == Verified(
        manifests=1, blobs=len(manifest.blobs) + 1, unreferenced=1, temporary=1
    )
    assert said == []


def test_verify_finds_damage_and_what_is_missing(store, said):
    whole, hit = published(store, tag="whole"), published(store, tag="hit")
    damaged, gone = hit.blobs[0], dict(places(hit))["epochs.2.steps"]
    flip_byte(store.local.path(damaged.name))
    store.local.remove(gone.name)
    other = published(store, tag="other")
    flip_byte(store.local.path(other.name))
    found = verify(store, said)
    assert (found.damaged, found.missing, found.manifests) == (2, 2, 2)
    assert len(said) == 3
    for name in (damaged.name, other.name):
        assert sum(f"{name} is damaged" in line for line in said) == 1
    assert f"{hit.name}: 2 of its blobs are not in the store" in said
    assert not any(whole.name in line for line in said)
    again = verify(store, said)
    assert (again.damaged, again.missing, again.set_aside_before) == (0, 2, 2)


def test_a_blob_in_another_blobs_place_is_damage(store, said):
    blob = store.put(b"content")
    store.local.write(blob.name, b"whole, but another")
    assert verify(store, said).damaged == 1


def test_what_the_remote_tier_has_is_not_missing(tmp_path, store):
    manifest = published(store)
    reader, said = new_store(tmp_path / "reader", store.local)
    (found,) = reader.manifests(manifest.fingerprint)
    reader.read(manifest.blobs[0])
    reader.touch(found)
    result = verify(reader, said)
    assert (result.missing, result.remote) == (0, len(manifest.blobs) - 1)
    assert said == []
    alone, said = new_store(tmp_path / "reader")
    assert verify(alone, said).missing > 0


# Clear


def test_a_time_keeps_what_was_used_within_it(store, said):
    old = published(store, tag="old")
    make_old(store.local.root, days=3)
    new = published(store, tag="new")
    make_old(store.local.root, days=2)
    result = cleared(store, "60h")
    assert [entry.fingerprint for entry in result.entries] == [old.fingerprint]
    assert (result.manifests, result.blobs, result.kept) == (1, len(old.blobs), 1)
    assert fingerprints(store) == {new.fingerprint}
    assert set(held_blobs(store)) == set(new.blobs)
    assert verify(store, said).missing == 0


def test_use_makes_young_again(store):
    used = published(store, tag="used")
    published(store, tag="unused")
    make_old(store.local.root, days=40)
    store.touch(used)
    cleared(store, "30d")
    assert fingerprints(store) == {used.fingerprint}


def test_a_size_keeps_the_last_used_and_counts_shared_blobs_once(store):
    def entry(tag, shared, own):
        body = {"blobs": [store.put(b"s" * shared).as_json(), store.put(own).as_json()]}
        manifest = Manifest("run", tag * 64, {"settings": {}}, body)
        store.publish(manifest)
        make_old(store.local.root, days=2)

    for tag in "abc":  # c is the last used
        entry(tag, 1000, tag.encode() * 500)
    assert cleared(store, "2001B", dry_run=True).kept == 3 - 1
    assert cleared(store, "2KB", dry_run=True).kept == 2
    assert cleared(store, "1999B", dry_run=True).kept == 1
    assert cleared(store, "1499B", dry_run=True).kept == 0
    cleared(store, "2KB")
    assert fingerprints(store) == {"b" * 64, "c" * 64}
    assert sorted(blob.size for blob in held_blobs(store)) == [500, 500, 1000]


def test_a_config_keeps_its_runs_and_their_predictions(store, tmp_path):
    kept, other_code = published(store), published(store, tag="other code", epochs=7)
    other = published(store, seed=1)
    predictions = [predictions_entry(store, weights(run, 1).sha256) for run in (kept, other)]
    for manifest in predictions:
        store.publish(manifest)
    make_old(store.local.root, days=9)
    config = study(tmp_path / "config.yaml")
    result = cleared(store, config)
    assert {entry.fingerprint for entry in result.entries} == {
        other.fingerprint,
        predictions[1].fingerprint,
    }
    assert fingerprints(store) == {
        kept.fingerprint,
        other_code.fingerprint,
        predictions[0].fingerprint,
    }


def test_rules_add_up(store, tmp_path):
    wanted = published(store)
    published(store, seed=1)
    make_old(store.local.root, days=9)
    young = published(store, seed=2)
    cleared(store, study(tmp_path / "config.yaml"), "1d")
    assert fingerprints(store) == {wanted.fingerprint, young.fingerprint}


def test_a_dry_run_removes_nothing_and_counts_the_same(store):
    published(store, tag="old")
    (store.local.root / "blobs/.tmp-killed").write_bytes(b"half")
    make_old(store.local.root, days=9)
    published(store, tag="new")
    before = contents(store.local.root)
    planned = cleared(store, "1d", thin=True, dry_run=True)
    assert contents(store.local.root) == before
    done = cleared(store, "1d", thin=True)
    assert planned == done
    after = contents(store.local.root)
    assert after.items() < before.items()
    removed = sum(map(len, before.values())) - sum(map(len, after.values()))
    assert done.bytes == removed > 0


def test_the_grace_spares_young_files(store):
    blob = store.put(b"about to be referred to")
    half = store.local.root / "blobs/.tmp-running"
    half.write_bytes(b"half")
    result = cleared(store, "1d", grace=3600)
    assert (result.blobs, result.young, result.temporary) == (0, 1, 0)
    assert half.exists()
    make_old(store.local.root, days=1)
    assert store.put(b"about to be referred to") == blob
    result = cleared(store, "1d", grace=3600)
    assert (result.blobs, result.young, result.temporary) == (0, 1, 1)
    assert not half.exists()
    make_old(store.local.root, days=1)
    assert cleared(store, "1d", grace=3600).blobs == 1
    assert files_below(store.local.root) == []


def test_shared_blobs_stay(store, said):
    shared = store.put(b"shared")
    for tag in "ab":
        store.publish(
            Manifest("run", tag * 64, {"settings": {}}, {"blob": shared.as_json()}, epochs=1)
        )
        make_old(store.local.root, days=2)
    result = cleared(store, "3d")
    assert (len(result.entries), result.blobs) == (1, 0)
    assert store.read(shared) == b"shared"


def test_thin_drops_only_weights_that_no_result_needs(store, said):
    run = published(store, accuracies=[0.1, 0.2, 0.15, 0.3, 0.25, 0.2])
    spare = [weights(run, place) for place in (2, 4, 0, 1)]
    # Another entry refers to one of them.
    store.publish(Manifest("run", "a" * 64, {"settings": {}}, {"blob": spare[1].as_json()}))
    make_old(store.local.root, days=2)
    result = cleared(store, thin=True)
    assert (result.blobs, result.thinned, result.manifests, result.entries) == (4, 4, 0, [])
    optimizer = dict(places(run))["state.optimizer"]
    assert set(held_blobs(store)) == set(run.blobs) - {spare[0], *spare[2:], optimizer}
    found = verify(store, said)
    assert (found.missing, found.thinned) == (0, 4)
    assert said == []
    store.local.remove(weights(run, 3).name)
    assert verify(store, said).missing == 1


def test_without_rules_no_entry_goes(store):
    published(store, accuracies=[0.1])
    make_old(store.local.root, days=99)
    assert cleared(store, thin=True).entries == []
    assert len(fingerprints(store)) == 1


def test_a_manifest_that_cannot_be_read_stops_it(store):
    manifest = published(store)
    make_old(store.local.root, days=9)
    folder = store.local.path(manifest.name).parent
    strange = folder / f"run.000001.000000.{'0' * 16}.json"
    strange.symlink_to(strange.name)  # reading it fails even for root: it leads to itself
    before = contents(store.local.root)
    with pytest.raises(UserError, match="cannot be read"):
        cleared(store, "1d")
    assert contents(store.local.root) == before


def test_rules_are_read():
    assert [parse_duration(text) for text in ("90s", "12h", "1.5d", "4w", "4", "d")] == [
        90,
        43200,
        129600,
        2419200,
        None,
        None,
    ]
    assert [parse_size(text) for text in ("7B", "500MB", "1.5GB", "2KiB", "20", "GB")] == [
        7,
        500_000_000,
        1_500_000_000,
        2048,
        None,
        None,
    ]
    with pytest.raises(UserError, match=r"--keep absent\.yaml: neither"):
        parse_rule("absent.yaml")


def test_a_config_with_a_mistake_removes_nothing(store, tmp_path):
    published(store)
    make_old(store.local.root, days=9)
    with pytest.raises(UserError, match="NoSuchNet"):
        cleared(store, study(tmp_path / "config.yaml", models=["NoSuchNet"]))
    assert len(fingerprints(store)) == 1


# Export and import


@pytest.fixture
def exported(store, tmp_path):
    """A tar file of three entries, one of which was thinned."""
    for seed in range(2):
        published(store, seed=seed)
    thin = published(store, tag="thin", accuracies=[0.3, 0.2, 0.1])
    store.local.remove(weights(thin, 1).name)
    store.put(b"not referred to")
    problems = []
    export_entries(store, read_entries(store), tmp_path / "out/runs.tar", problems)
    assert problems == []
    return tmp_path / "out/runs.tar"


def referred_to(root):
    return {name: data for name, data in contents(root).items() if data != b"not referred to"}


def test_export_and_import_give_identical_files(store, exported, tmp_path):
    other, said = new_store(tmp_path / "other")
    problems = []
    done = import_entries(other, exported, problems)
    assert contents(other.local.root) == referred_to(store.local.root)
    assert (done.manifests, problems, said) == (3, [], [])
    assert done.bytes == sum(blob.size for blob in held_blobs(other))
    assert verify(other, said).thinned == 1
    assert import_entries(other, exported, problems).manifests == 3
    assert problems == []


def test_the_same_entries_give_the_same_tar(store, exported, tmp_path):
    other, _ = new_store(tmp_path / "other")
    import_entries(other, exported, [])
    export_entries(other, read_entries(other), tmp_path / "again.tar", [])
    assert filecmp.cmp(tmp_path / "again.tar", exported, shallow=False)
    assert oct(exported.stat().st_mode & 0o777) == "0o644"


def test_a_stores_folder_can_be_imported(store, exported, tmp_path):
    other, _ = new_store(tmp_path / "other")
    assert import_entries(other, store.local.root, []).manifests == 3
    assert contents(other.local.root) == referred_to(store.local.root)


def test_what_a_live_store_lets_go_while_it_is_imported_is_left_out(
    store, exported, tmp_path, monkeypatch
):
    gone = read_entries(store)[0].newest
    monkeypatch.setattr(Folder, "read", forgetful(Folder.read, {gone.name}))
    other, _ = new_store(tmp_path / "other")
    problems = []
    assert import_entries(other, store.local.root, problems).manifests == 2
    assert len(problems) == 1
    assert gone.name in problems[0]


def forgetful(read, names):
    def read_or_fail(folder, name, stated):
        if name in names:
            raise FileNotFoundError(name)
        return read(folder, name, stated)

    return read_or_fail


def test_import_pushes_to_the_remote_tier(exported, store, tmp_path):
    remote, _ = new_store(tmp_path / "remote")
    other, _ = new_store(tmp_path / "other", remote.local)
    import_entries(other, exported, [])
    assert fingerprints(remote) == fingerprints(store)
    assert other.local.names("pending") == []


def test_an_incomplete_entry_is_not_exported(store, tmp_path):
    whole, hit = published(store, tag="whole"), published(store, tag="hit")
    flip_byte(store.local.path(hit.blobs[0].name))
    problems = []
    done = export_entries(store, read_entries(store), tmp_path / "x.tar", problems)
    assert done.manifests == 1
    assert len(problems) == 1
    assert hit.name in problems[0]
    with tarfile.open(tmp_path / "x.tar") as archive:
        names = archive.getnames()
    assert whole.name in names
    assert hit.name not in names
    assert hit.blobs[0].name not in names


def position_of(tar: Path, name: str) -> int:
    with tarfile.open(tar) as archive:
        return archive.getmember(name).offset_data


def test_a_flipped_byte_in_a_blob_costs_that_entry_only(store, exported, tmp_path):
    hit = read_entries(store)[0].newest
    data = bytearray(exported.read_bytes())
    data[position_of(exported, hit.blobs[0].name)] ^= 1
    exported.write_bytes(data)
    other, _ = new_store(tmp_path / "other")
    problems = []
    assert import_entries(other, exported, problems).manifests == 2
    assert fingerprints(other) == fingerprints(store) - {hit.fingerprint}
    assert len(problems) == 2
    assert hit.blobs[0].name in problems[0]
    assert hit.name in problems[1]
    assert hit.blobs[0].name not in contents(other.local.root)


def test_a_flipped_byte_in_a_manifest_costs_that_entry_only(store, exported, tmp_path):
    hit = read_entries(store)[0].newest
    data = bytearray(exported.read_bytes())
    data[position_of(exported, hit.name)] ^= 1
    exported.write_bytes(data)
    other, _ = new_store(tmp_path / "other")
    problems = []
    assert import_entries(other, exported, problems).manifests == 2
    assert len(problems) == 1
    assert hit.name in problems[0]
    assert not held_blobs(other).keys() & set(hit.blobs)


def refused(tar, tmp_path):
    other, _ = new_store(tmp_path / "two" / "below")
    before = contents(tmp_path)
    with pytest.raises(UserError) as raised:
        import_entries(other, tar, [])
    assert contents(tmp_path) == before
    (problem,) = raised.value.problems
    assert problem.startswith(f"{tar}: ")
    assert "\n" not in problem
    return problem


@pytest.mark.parametrize(
    "name", ["../evil", "/tmp/evil", "blobs/../../evil", "blobs/ab/evil", "entries/evil", "x\n"]
)
def test_a_tar_with_a_stranger_is_refused(exported, tmp_path, name):
    with tarfile.open(exported, "a") as archive:
        member = tarfile.TarInfo(name)
        member.size = 4
        archive.addfile(member, io.BytesIO(b"evil"))
    assert "nothing imported" in refused(exported, tmp_path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])
def test_a_tar_with_links_is_refused(exported, tmp_path, kind):
    with tarfile.open(exported, "a") as archive:
        member = tarfile.TarInfo(Blob.of(b"x").name)
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    assert "holds links, folders" in refused(exported, tmp_path)


def test_a_forged_manifest_leads_nowhere(tmp_path, store):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    forged = Manifest(
        "run", "f" * 64, {}, {"x": {"sha256": "../../../../secret", "size": 6}}, epochs=1
    )
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        member = tarfile.TarInfo(forged.name)
        member.size = len(forged.content)
        archive.addfile(member, io.BytesIO(forged.content))
    problems = []
    assert import_entries(store, tmp_path / "x.tar", problems).manifests == 0
    assert len(problems) == 1
    assert contents(store.local.root) == {}
    assert secret.read_bytes() == b"secret"


BOMB = {"GNU.sparse.map": f"{10 << 30},0", "GNU.sparse.size": str(10 << 30)}


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({**BOMB, "GNU.sparse.name": Blob.of(b"x").name}, "or sparse files"),
        ({"GNU.sparse.map": "a,b", "GNU.sparse.size": "5"}, "not a whole tar file"),
        ({"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}, "not a whole tar file"),
        ({"size": str(10**30)}, "not a whole tar file"),
        ({"size": str(10**9)}, "not a whole tar file"),
        ({"size": "-1024"}, "not a whole tar file"),
        ({"comment": "x" * 100_000}, "not a whole tar file (a header of"),
    ],
)
def test_a_tar_with_a_forged_header_is_refused(exported, tmp_path, headers, words):
    with tarfile.open(exported, "a", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo(Blob.of(b"x").name)
        member.pax_headers = headers
        archive.addfile(member)
    assert words in refused(exported, tmp_path)


def test_a_header_that_goes_back_is_refused(exported, tmp_path):
    """A negative size would send whoever follows it round in circles."""
    member = tarfile.TarInfo("x")
    header = bytearray(member.tobuf())
    header[124:136] = (256**12 - 1024).to_bytes(12, "big")
    header[148:156] = f"{tarfile.calc_chksums(header)[0]:06o}\0 ".encode()
    exported.write_bytes(bytes(header) + exported.read_bytes())
    assert "not a whole tar file" in refused(exported, tmp_path)


@pytest.mark.parametrize("what", ["blob", "manifest"])
def test_a_tar_with_a_damaged_header_is_refused(store, exported, tmp_path, what):
    entry = read_entries(store)[0].newest
    name = entry.name if what == "manifest" else entry.blobs[0].name
    data = bytearray(exported.read_bytes())
    data[position_of(exported, name) - tarfile.BLOCKSIZE] ^= 1
    exported.write_bytes(data)
    refused(exported, tmp_path)


@pytest.mark.parametrize("kept", [1, tarfile.BLOCKSIZE])
def test_a_tar_that_is_cut_off_is_refused(store, exported, tmp_path, kept):
    os.truncate(exported, position_of(exported, read_entries(store)[0].newest.blobs[0].name) + kept)
    refused(exported, tmp_path)


def test_what_is_no_source_is_refused(tmp_path):
    (tmp_path / "text").write_text("text " * 1000)
    (tmp_path / "nothing").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    tarfile.open(tmp_path / "empty.tar", "w").close()
    for name, words in {
        "text": "not a whole tar file",
        "nothing": "not a whole tar file",
        "folder": "holds no entries",
        "empty.tar": "holds no entries",
        "absent": "cannot be read (No such file",
    }.items():
        assert words in refused(tmp_path / name, tmp_path)


def test_an_export_that_fails_leaves_no_file(store, tmp_path):
    published(store)
    os.mkdir(tmp_path / "taken")
    with pytest.raises(OSError, match="directory"):
        export_entries(store, read_entries(store), tmp_path / "taken", [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "taken"]
