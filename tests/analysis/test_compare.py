"""Which runs are compared with which, and the numbers that come out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analysis.made_up import make_run

from pj2.analysis.compare import (
    NO_PREDICTIONS,
    ONE_IMAGE,
    OTHER_IMAGES,
    SAME_RUN,
    Comparison,
    compare_sides,
)
from pj2.analysis.sides import Side, runs_below, sides_by_model
from pj2.statistics import holm, mcnemar_p, paired_difference, wilson_interval
from pj2.store.files import write_json

IMAGES = 60
LABELS = [image % 4 for image in range(IMAGES)]


def guesses(wrong: Sequence[int]) -> list[int]:
    """Predictions that are right but for these images."""
    return [(label + (image in wrong)) % 4 for image, label in enumerate(LABELS)]


def run(root: Path, model: str, wrong: Sequence[int] = (), **more: Any) -> Path:
    """Make a run that errs on the images `wrong`; return its folder."""
    more = {"labels": LABELS, "predicted": guesses(wrong), "test": None, **more}
    return Path(make_run(root, model, [3.0, 2.0, 1.0], **more)["folder"])


def change(folder: Path, section: str, **values: Any) -> None:
    info = json.loads((folder / "run.json").read_text())
    write_json(folder / "run.json", info | {section: info.get(section, {}) | values})


def side(name: str, folder: Path) -> Side:
    return Side(name, folder, tuple(runs_below(folder)))


def compared(one: Path, other: Path, **more: Any) -> Comparison:
    return compare_sides([side("one", one), side("other", other)], **more)


def test_runs_of_a_run_a_folder_and_a_study(tmp_path: Path) -> None:
    first = run(tmp_path, "B", lr="0.001")
    for lr, seed in (("1e-05", 1), ("1e-05", 0), ("0.0001", 0)):
        run(tmp_path, "A", lr=lr, seed=seed)
    (tmp_path / "logs" / "seed=3").mkdir(parents=True)  # a study's runs are in runs/ alone
    found = [(each.model, each.lr, each.seed) for each in runs_below(tmp_path)]
    assert found == [("A", "1e-05", 0), ("A", "1e-05", 1), ("A", "0.0001", 0), ("B", "0.001", 0)]
    assert [each.folder for each in runs_below(first)] == [first]
    assert len(runs_below(tmp_path / "runs" / "experiment=e" / "model=A" / "lr=1e-05")) == 2


def test_runs_that_are_no_use_are_told_and_left_out(tmp_path: Path) -> None:
    names = ("unfinished", "garbled", "older", "list", "usable")
    folders = {name: run(tmp_path, name.title()) for name in names}
    (folders["unfinished"] / "run.json").unlink()
    (folders["garbled"] / "run.json").write_text("{")
    (folders["older"] / "run.json").write_text('{"status": "completed"}')
    (folders["list"] / "run.json").write_text("[]")
    misplaced = tmp_path / "runs" / "lr=fast" / "seed=0"
    misplaced.mkdir(parents=True)
    told: list[str] = []
    assert [each.model for each in runs_below(tmp_path, told.append)] == ["Usable"]
    assert len(told) == 5
    assert not any("\n" in line for line in told)
    words = "\n".join(told)
    assert f"{folders['unfinished']}: has no run.json, so it is not finished; left out" in words
    assert "run.json: not valid JSON" in words
    assert "run.json: has no diverged_at_step, best_epoch" in words
    assert f"{misplaced}: not the folder of a run, which is experiment=…" in words


def test_two_runs_with_known_predictions(tmp_path: Path) -> None:
    wrong = range(12), range(10, 30)  # 10 images only the other recognises, 18 only the one
    a = run(tmp_path, "A", wrong[0], val=(0.5, 0.8, 0.6))
    b = run(tmp_path, "B", wrong[1], val=(0.5,))
    found = compared(a, b)
    rights = [np.isin(np.arange(IMAGES), each, invert=True) for each in wrong]
    (difference,) = found.differences
    expected = paired_difference(rights[0][None], rights[1][None])
    assert difference.paired == expected
    assert expected.difference == pytest.approx(8 / 60)
    assert difference.p_values == (mcnemar_p(*rights),)
    assert difference.verdict == "not settled"
    assert difference.matched_by == "the same seed"
    assert (difference.one.model, difference.other.model, difference.seeds) == ("A", "B", (0,))
    one, other = found.end_values
    means = {name: mean and mean.mean for name, mean in one.means.items()}
    assert means == pytest.approx(
        {
            "epochs": 3, "val_accuracy_last": 0.6, "val_accuracy_best": 0.8,
            "train_loss_last": 1.0, "val_loss_last": 1.1, "test_accuracy": 0.8, "seconds": 12.5,
        }
    )  # fmt: skip
    assert one.test_interval == wilson_interval(48, 60)
    assert other.test_interval == wilson_interval(40, 60)
    assert found.settings == {"model": (("A",), ("B",))}
    assert found.code is None
    assert found.unmatched == found.untested == found.diverged == ()


def test_over_seeds(tmp_path: Path) -> None:
    for seed in range(3):
        run(tmp_path, "A", range(seed), seed=seed)
        run(tmp_path, "B", range(20, 40 + seed), seed=seed)
    run(tmp_path, "B", range(9), seed=7)
    models = sides_by_model(tmp_path, runs_below(tmp_path))
    found = compare_sides(models)
    (difference,) = found.differences
    assert difference.seeds == (0, 1, 2)
    assert len(difference.p_values) == 3
    assert difference.paired is not None
    assert difference.paired.difference == pytest.approx(20 / 60)
    assert difference.verdict == "higher"
    assert found.unmatched == ("B lr=0.001 seed=7",)
    one, other = found.end_values
    assert (one.seeds, other.seeds) == ((0, 1, 2), (0, 1, 2, 7))
    accuracy = one.means["test_accuracy"]
    assert accuracy is not None
    assert (accuracy.mean, accuracy.n) == (pytest.approx(59 / 60), 3)
    assert accuracy.sd == pytest.approx(1 / 60)
    assert one.test_interval is None


def test_studies_are_matched_run_by_run_also_in_another_experiment(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for root, experiment in ((before, "e"), (after, "renamed")):
        for model in "AB":
            for lr in ("0.1", "0.2"):
                run(root, model, range(len(experiment)), lr=lr, experiment=experiment)
    for root in (before, after):
        run(root, "A", experiment="same", lr="0.1")
    run(after, "A", lr="0.4", experiment="renamed")
    found = compared(before, after)
    pairs = [(each.one[1:], each.other[1:]) for each in found.differences]
    assert pairs[0] == (("same", "A", "0.1"), ("same", "A", "0.1"))
    assert pairs[1:] == [
        (("e", model, lr), ("renamed", model, lr)) for model in "AB" for lr in ("0.1", "0.2")
    ]
    assert {each.matched_by for each in found.differences} == {
        "the same model, learning rate and seed"
    }
    assert found.unmatched == ("other renamed A lr=0.4 seed=0",)
    assert found.settings == {"learning_rate": ((0.1, 0.2), (0.1, 0.2, 0.4))}


def test_models_are_matched_by_learning_rate(tmp_path: Path) -> None:
    for model in "AB":
        for lr in ("0.1", "0.2"):
            run(tmp_path, model, range(len(model)), lr=lr)
    run(tmp_path, "B", lr="0.3")
    found = compare_sides(sides_by_model(tmp_path, runs_below(tmp_path)))
    assert [(each.one.lr, each.other.lr) for each in found.differences] == [
        ("0.1", "0.1"),
        ("0.2", "0.2"),
    ]
    assert found.differences[0].matched_by == "the same learning rate and seed"
    assert found.unmatched == ("B lr=0.3 seed=0",)


def test_models_without_a_common_rate_are_matched_at_the_one_that_validation_chose(
    tmp_path: Path,
) -> None:
    for model, lr, val in (
        ("A", "0.1", 0.4),
        ("A", "0.2", 0.6),
        ("B", "0.3", 0.7),
        ("B", "1.0", 0),
    ):
        run(tmp_path, model, lr=lr, val=(val,))
    (found,) = compare_sides(sides_by_model(tmp_path, runs_below(tmp_path))).differences
    assert (found.one.lr, found.other.lr) == ("0.2", "0.3")
    assert found.matched_by.endswith("each at the learning rate of its best validation accuracy")


def test_two_runs_of_different_seeds_are_a_pair(tmp_path: Path) -> None:
    found = compared(run(tmp_path, "A", seed=0), run(tmp_path, "A", [1], seed=4))
    assert found.differences[0].matched_by == "the only run of each side, of different seeds"
    assert found.differences[0].paired is not None
    assert found.settings == {"seed": ((0,), (4,))}


def test_nothing_in_common(tmp_path: Path) -> None:
    for model in "AB":
        run(tmp_path / "one", model, experiment="e")
        run(tmp_path / "other", model * 2, experiment="e")
    found = compared(tmp_path / "one", tmp_path / "other")
    assert (found.differences, found.pairs, len(found.unmatched)) == ((), 0, 4)


def test_models_of_a_study_are_compared_within_an_experiment(tmp_path: Path) -> None:
    for experiment, model in (("e", "A"), ("e", "B"), ("f", "A"), ("f", "C")):
        run(tmp_path, model, experiment=experiment)
    models = sides_by_model(tmp_path, runs_below(tmp_path))
    assert [each.name for each in models] == ["e/A", "B", "f/A", "C"]
    found = compare_sides(models)
    assert [(each.one.side, each.other.side) for each in found.differences] == [
        ("e/A", "B"),
        ("f/A", "C"),
    ]
    alone = [each for each in models if each.name in ("B", "C")]
    assert compare_sides(alone).pairs == 1


def test_p_values_are_adjusted_for_the_whole_table(tmp_path: Path) -> None:
    errors = {"A": range(5), "B": range(3, 20), "C": range(30, 42)}
    rights = {}
    for model, wrong in errors.items():
        run(tmp_path, model, wrong)
        rights[model] = np.isin(np.arange(IMAGES), wrong, invert=True)
    models = sides_by_model(tmp_path, runs_below(tmp_path))
    pairs = (("A", "B"), ("A", "C"), ("B", "C"))
    expected = holm([mcnemar_p(rights[one], rights[other]) for one, other in pairs])
    found = compare_sides(models).differences
    assert [each.p_values for each in found] == [(p,) for p in expected]
    # Of too many pairs, those that are furthest apart; the rest still counts.
    few = compare_sides(models, most=1)
    assert few.pairs == 3
    assert few.differences == (found[0],)
    assert few.differences[0].verdict == "higher for this seed"


def test_pairs_with_nothing_to_subtract(tmp_path: Path) -> None:
    one = run(tmp_path, "A", fingerprint="f")
    other = run(tmp_path / "shuffled", "B", labels=LABELS[::-1], predicted=LABELS)
    single = [
        run(tmp_path / "single", model, labels=[0], predicted=[guess], classes=("a", "b"))
        for model, guess in (("A", 0), ("B", 1))
    ]
    gone = run(tmp_path / "gone", "A", val=(), diverged=True)
    waiting = run(tmp_path / "waiting", "B")
    (waiting / "predictions.parquet").unlink()
    copy = run(tmp_path / "copy", "A", fingerprint="f")
    for first, second, words in (
        (one, one, SAME_RUN),
        (one, copy, SAME_RUN),
        (one, other, OTHER_IMAGES),
        (*single, ONE_IMAGE),
        (one, gone, NO_PREDICTIONS),
        (one, waiting, NO_PREDICTIONS),
    ):
        (found,) = compared(first, second).differences
        assert (found.paired, found.p_values, found.verdict) == (None, (), words)
    assert compared(one, gone).diverged == ("other A lr=0.001 seed=0 at step 3",)
    assert compared(one, waiting).untested == ("other B lr=0.001 seed=0",)
    change(copy, "settings", epochs=9)  # the same epochs, more of them
    (found,) = compared(one, copy).differences
    assert found.paired is not None


def test_a_diverged_seed_leaves_the_others(tmp_path: Path) -> None:
    for seed in range(2):
        run(tmp_path, "A", seed=seed)
    run(tmp_path, "A", val=(), diverged=True, seed=2)
    for seed in range(3):
        run(tmp_path, "B", range(seed + 3), seed=seed)
    found = compare_sides(sides_by_model(tmp_path, runs_below(tmp_path)))
    assert found.differences[0].seeds == (0, 1)
    assert found.diverged == ("A lr=0.001 seed=2 at step 3",)
    accuracy = found.end_values[0].means["test_accuracy"]
    assert accuracy is not None
    assert accuracy.n == 2


def test_recordings_that_cannot_be_read_are_told_once(tmp_path: Path) -> None:
    folders = [run(tmp_path, model) for model in "ABC"]
    (folders[0] / "epochs.parquet").write_bytes(b"")
    (folders[1] / "predictions.parquet").write_bytes(b"")
    told: list[str] = []
    found = compare_sides(sides_by_model(tmp_path, runs_below(tmp_path)), told.append)
    assert len(told) == 2
    assert "epochs.parquet" in told[0]
    assert told[1].endswith("; left out of the test accuracies")
    assert found.end_values[0].means["val_loss_last"] is None
    assert found.untested == ("B lr=0.001 seed=0",)


def test_settings_hardware_versions_and_code_that_differ(tmp_path: Path) -> None:
    one, other = run(tmp_path / "one", "A"), run(tmp_path / "other", "A")
    change(one, "settings", optimizer={"name": "sgd", "momentum": 0.9}, patience=None)
    change(other, "settings", optimizer={"name": "adam"}, patience=None)
    change(other, "precision", used="bf16")
    change(other, "hardware", threads=4)
    for folder, torch in ((one, "2.9.0"), (other, "2.10.0")):
        modules = {"pj2.training.loop": {"x": torch}, "pj2.models": {"x": "1"}}
        change(folder, "code", modules=modules, packages={"torch": torch[:3], "numpy": "2.0"})
        change(folder, "versions", torch=torch)
    change(other, "data", hash="ab" * 32)
    found = compared(one, other)
    assert found.settings == {
        "optimizer.name": (("sgd",), ("adam",)),
        "optimizer.momentum": ((0.9,), ()),
        "precision used": (("fp32",), ("bf16",)),
        "hardware.threads": ((1,), (4,)),
        "version.torch": (("2.9.0",), ("2.10.0",)),
        "data.hash": ((), ("ab" * 32,)),
    }
    assert found.code == ("pj2/training/loop.py",)
    change(other, "code", modules={"pj2.models": {"x": "1"}, "pj2.models.vgg": {"x": "1"}})
    assert compared(one, other).code == ()


def test_json_has_every_number_and_no_nan(tmp_path: Path) -> None:
    found = compared(run(tmp_path, "A"), run(tmp_path, "B", val=(), diverged=True))
    text = json.dumps(found.as_json(), allow_nan=False)
    content = json.loads(text)
    assert content["sides"][1]["runs"][0]["diverged_at_step"] == 3
    assert content["end_values"][0]["test_accuracy"] == {
        "mean": 1.0, "sd": None, "n": 1, "low": None, "high": None,
    }  # fmt: skip
    assert content["end_values"][1]["test_accuracy"] is None
    assert content["differences"][0]["difference"] is None
    assert content["settings"]["model"] == [["A"], ["B"]]
