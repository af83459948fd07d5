"""Whatever somebody writes into a record: it is refused in a line, or it is not shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pj2.compare.sides import runs_below
from pj2.config.study import RunSettings
from pj2.errors import UserError, in_one_line
from pj2.exhibits.comparison.table import comparison_table
from pj2.exhibits.efficiency.table import efficiency_table
from pj2.publish.copies import copy_run
from pj2.runs.check import stale_reasons
from pj2.runs.files import RUN
from pj2.runs.reading import load_runs
from pj2.store.records import DIGEST, BadRecord, write_record
from tests.helpers.made_up import make_index, make_run

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["../..", "\x1b[2J", "\u202e", 10**400, -1, 1e308, "0" * 64]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LOSSES = [2.0, 1.5, 1.0]


class Study:
    """Two runs with their index; `restore` undoes what a test did to their records."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runs = [make_run(root, "VGG_A", LOSSES, lr=lr, test=[t]) for lr, t in RATES.items()]
        (self.index,) = make_index(root, self.runs)
        self.folder = Path(self.runs[0]["folder"])
        self.contents = {path: path.read_bytes() for path in (self.folder / RUN, self.index)}
        self.shown = comparison_table([self.index]).frame.to_csv()

    def restore(self) -> None:
        for path, content in self.contents.items():
            path.write_bytes(content)


RATES = {"0.001": 0.4, "0.003": 0.6}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return Study(tmp_path_factory.mktemp("study"))


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the values of a record are, sections and lists included."""
    if before:
        yield before
    parts = enumerate(value) if isinstance(value, list) else ()
    for key, part in value.items() if isinstance(value, dict) else parts:
        yield from places(part, (*before, key))


def with_one(record: Any, place: tuple[Any, ...], value: Any) -> Any:
    changed = json.loads(json.dumps(record))
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return changed


def write_signed(path: Path, value: Any) -> None:
    try:
        write_record(path, value if isinstance(value, dict) else {"value": value})
    except ValueError:  # NaN, or what is no text: it is written as somebody else would
        path.write_text(json.dumps(value), encoding="utf-8")


def said(study: Study, target: Path) -> list[str]:
    """The lines of whatever reads the study. What is no line is raised."""
    lines: list[str] = []
    for show in (
        lambda: comparison_table([study.index]) and [],
        lambda: efficiency_table([study.index]) and [],
        lambda: runs_below(study.folder)[1],
        lambda: copy_run(study.folder, target),
    ):
        try:
            lines += show()
        except UserError as error:
            lines += error.problems
    wanted = RunSettings(model="VGG_A", learning_rate=0.001, seed=0)
    return lines + stale_reasons(study.folder, wanted, None, verify=True)


def is_one_line(line: str) -> bool:
    return in_one_line(line) == line


@FEW
@given(data=st.data())
def test_an_edit_of_one_value_is_never_shown(study, tmp_path_factory, data):
    path = data.draw(st.sampled_from(list(study.contents)))
    record = json.loads(study.contents[path])
    place = data.draw(st.sampled_from(list(places(record))))
    edited = with_one(record, place, data.draw(ANY))
    try:
        path.write_text(json.dumps(edited))
        if edited == record:
            return
        with pytest.raises(UserError) as caught:
            load_runs([study.index])
        assert all(map(is_one_line, caught.value.problems))
    finally:
        study.restore()


@FEW
@given(data=st.data())
def test_a_value_that_was_signed_after_it_was_edited_ends_no_command_in_a_traceback(
    study, tmp_path_factory, data
):
    path = data.draw(st.sampled_from(list(study.contents)))
    record = json.loads(study.contents[path])
    place = data.draw(st.sampled_from([each for each in places(record) if each != (DIGEST,)]))
    target = tmp_path_factory.mktemp("target") / "run"
    try:
        write_signed(path, with_one(record, place, data.draw(ANY)))
        if path != study.index:
            with suppress(BadRecord):  # as the job that lists the runs ends then
                make_index(study.root, study.runs)
        assert all(map(is_one_line, said(study, target)))
        assert {each.name for each in target.parent.iterdir()} <= {"run"}
    finally:
        study.restore()


@settings(FEW, max_examples=20)
@given(value=ANY, signed=st.booleans())
def test_any_json_in_its_place_is_a_line(study, tmp_path_factory, value, signed):
    target = tmp_path_factory.mktemp("target") / "run"
    for path in study.contents:
        try:
            write_signed(path, value) if signed else path.write_text(json.dumps(value))
            assert any(line.startswith(str(path)) for line in said(study, target))
        finally:
            study.restore()
    assert comparison_table([study.index]).frame.to_csv() == study.shown


def test_swapped_folders_are_refused(study):
    index = json.loads(study.contents[study.index])
    one, other = index["runs"]
    one["folder"], other["folder"] = other["folder"], one["folder"]
    try:
        write_record(study.index, index)
        with pytest.raises(UserError, match=r"VGG_A\.json: lists .* as another run's"):
            load_runs([study.index])
    finally:
        study.restore()


def test_a_record_in_the_folder_of_another_run_is_refused(study):
    try:
        (study.folder / RUN).write_bytes(Path(study.runs[1]["folder"], RUN).read_bytes())
        with pytest.raises(UserError, match=r"is of another run: VGG_A, lr 0\.003, seed 0"):
            load_runs([study.index])
    finally:
        study.restore()


def test_a_record_that_is_not_the_one_listed_is_refused(study):
    record = json.loads(study.contents[study.folder / RUN])
    try:
        write_record(study.folder / RUN, record | {"parameters": 12})
        with pytest.raises(UserError, match=r"VGG_A\.json: is older than .*run\.json"):
            load_runs([study.index])
    finally:
        study.restore()
