"""What `pj2 init` writes, and where it refuses to. tests/workflow/test_module.py runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pj2.config.load import load_study
from pj2.config.study import list_runs
from pj2.errors import UserError
from pj2.scaffold.files import checkout
from pj2.scaffold.study import new_study, study_name


def test_the_config_is_valid_and_named_as_the_folder(tmp_path):
    new_study(tmp_path / "my-study")
    study = load_study(tmp_path / "my-study" / "config.yaml")
    assert study.study == "my_study"
    assert len(list_runs(study)) == 2


def test_an_empty_folder_will_do_and_the_clones_place_is_not_written_down(tmp_path):
    (tmp_path / "empty").mkdir()
    for path in new_study(tmp_path / "empty"):
        assert str(checkout()) not in path.read_text()


def test_the_profile_is_that_of_the_clone(tmp_path):
    new_study(tmp_path / "new")
    name = Path("profiles", "default", "config.yaml")
    assert (tmp_path / "new" / name).read_text() == (checkout() / name).read_text()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_is_there_is_left_alone(tmp_path, what):
    place = tmp_path / "place"
    if what == "file":
        place.touch()
    else:
        (place / "inside").mkdir(parents=True)
    with pytest.raises(UserError, match="in a new or an empty folder"):
        new_study(place)
    assert not (place / "config.yaml").exists()


@pytest.mark.parametrize(
    ("folder", "name"), [("a b-c", "a_b_c"), ("2nd", "study_2nd"), ("___", "study"), ("x", "x")]
)
def test_study_name(folder, name):
    assert study_name(folder) == name
