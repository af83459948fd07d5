"""Whatever a config holds: it is refused, a line a problem, or it is what was written."""

from __future__ import annotations

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pj2.config.load import load_study
from pj2.config.schema import Experiment, Recipe, StudyConfig
from pj2.config.study import list_runs
from pj2.errors import UserError

WORDS = st.sampled_from(
    ["BasicCNN", "VGG_A", "on", "010", "1:30", "1e-3", "adam", "sgd", "auto", "", "\n", "ü", "null"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 3)
    | st.floats()
    | st.sampled_from([10**400, 0.1, 1e-3])
    | WORDS
    | st.text(max_size=5)
)
KEYS = (
    st.sampled_from(
        [*StudyConfig.model_fields, *Experiment.model_fields, "name", "path", "momentum", "width"]
    )
    | WORDS
    | st.text(max_size=3)
    | st.integers(0, 3)
    | st.booleans()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
BOUNDED = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def load(path):
    """The study and its runs, or None where it is refused as a user is told of it."""
    try:
        study = load_study(path)
    except UserError as error:
        problems = error.problems
    else:
        return study, list_runs(study)
    assert problems
    assert all(line.startswith(str(path)) and len(line.splitlines()) == 1 for line in problems)
    return None


@BOUNDED
@given(text=st.text(max_size=40) | st.text("{}[]:,-&*!?#|>'\" \t\na1é", max_size=30))
def test_any_text(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert load(path) is None


def sound():
    experiment = {"models": ["BasicCNN"], "learning_rates": [0.001]}
    return {"study": "tiny", "experiments": {"first": experiment}}


@BOUNDED
@given(
    top=st.dictionaries(st.sampled_from(list(StudyConfig.model_fields)) | KEYS, VALUES, max_size=2),
    experiment=st.dictionaries(st.sampled_from(list(Experiment.model_fields)), VALUES, max_size=3),
    recipe=st.dictionaries(st.sampled_from(list(Recipe.model_fields)), SCALARS, max_size=3),
)
def test_any_value_of_any_key(tmp_path, top, experiment, recipe):
    first = {"models": ["BasicCNN"], "learning_rates": [0.001]} | recipe | experiment
    raw = {"study": "tiny", "experiments": {"first": first}} | top
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    loaded = load(path)
    if loaded is None:
        return
    study, runs = loaded
    written = yaml.safe_load(path.read_text(encoding="utf-8"))["experiments"]
    assert set(study.experiments) == set(written)
    assert len({run.folder for run in runs}) == len(runs)
    for name, asked in written.items():
        own = [run.settings for run in runs if run.experiment == name]
        assert {settings.model for settings in own} == set(asked["models"])
        if not asked.get("overrides") and not asked.get("variants"):
            assert {settings.epochs for settings in own} == {asked.get("epochs", 50)}
