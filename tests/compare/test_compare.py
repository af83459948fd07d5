"""Which runs are compared with which, and the numbers that come out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pj2.compare.comparison import Comparison, Pair, compare_sides
from pj2.compare.sides import Side, runs_below, sides_by_model
from pj2.statistics import holm, mcnemar_p, paired_difference
from pj2.store.records import write_record
from tests.helpers.made_up import make_run

IMAGES = 60
LABELS = [image % 4 for image in range(IMAGES)]


def guesses(wrong: Sequence[int]) -> list[int]:
    """Predictions that are right but for these images."""
    return [(label + (image in wrong)) % 4 for image, label in enumerate(LABELS)]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def run(root: Path, model: str, wrong: Sequence[int] = (), **more: Any) -> Path:
    """Make a run that errs on the images `wrong`; return its folder."""
    own = {"labels": LABELS, "predicted": guesses(wrong), "test": None}
    more = {**own, "fingerprint": _digest(f"{root} {model} {more}"), **more}
    return Path(make_run(root, model, [3.0, 2.0, 1.0], **more)["folder"])


def change(folder: Path, section: str, **values: Any) -> None:
    info = json.loads((folder / "run.json").read_text())
    write_record(folder / "run.json", info | {section: info.get(section, {}) | values})


def side(name: str, folder: Path) -> Side:
    return Side(name, folder, tuple(runs_below(folder)[0]))


def by_model(root: Path) -> list[Side]:
    return sides_by_model(root, runs_below(root)[0])


def pairs(found: Comparison) -> list[Pair]:
    return [pair for pair, _ in found.differences]


def compared(one: Path, other: Path, **more: Any) -> Comparison:
    return compare_sides([side("one", one), side("other", other)], **more)


def test_runs_of_a_run_a_folder_and_a_study(tmp_path: Path) -> None:
    first = run(tmp_path, "B", lr="0.001")
    for lr, seed in (("1e-05", 1), ("1e-05", 0), ("0.0001", 0)):
        run(tmp_path, "A", lr=lr, seed=seed)
    (tmp_path / "logs" / "seed=3").mkdir(parents=True)  # a study's runs are in runs/ alone
    found = [(each.model, each.lr, each.seed) for each in runs_below(tmp_path)[0]]
    assert found == [("A", "1e-05", 0), ("A", "1e-05", 1), ("A", "0.0001", 0), ("B", "0.001", 0)]
    assert [each.folder for each in runs_below(first)[0]] == [first]
    assert len(runs_below(tmp_path / "runs" / "experiment=e" / "model=A" / "lr=1e-05")[0]) == 2


def test_runs_that_are_no_use_are_told_and_left_out(tmp_path: Path) -> None:
    names = ("unfinished", "garbled", "older", "list", "waiting", "damaged", "usable")
    folders = {name: run(tmp_path, name.title()) for name in names}
    (folders["unfinished"] / "run.json").unlink()
    (folders["garbled"] / "run.json").write_text("{")
    (folders["older"] / "run.json").write_text('{"status": "completed"}')
    (folders["list"] / "run.json").write_text("[]")
    (folders["waiting"] / "predictions.parquet").unlink()
    (folders["damaged"] / "epochs.parquet").write_bytes(b"")
    misplaced = tmp_path / "runs" / "lr=fast" / "seed=0"
    misplaced.mkdir(parents=True)
    runs, told = runs_below(tmp_path)
    assert [each.model for each in runs] == ["Usable"]
    assert len(told) == 7
    assert not any("\n" in line for line in told)
    words = "\n".join(told)
    assert f"{folders['unfinished']}/run.json: is missing; left out" in words
    assert "run.json: is damaged: not valid JSON" in words
    assert "run.json: has no digest: another version wrote it" in words
    assert f"{folders['waiting']}/predictions.parquet: cannot be read" in words
    assert f"{folders['damaged']}/epochs.parquet: not a readable Parquet file" in words
    assert f"{misplaced}: not the folder of a run, which is experiment=…" in words


def test_two_runs_with_known_predictions(tmp_path: Path) -> None:
    wrong = range(12), range(10, 30)  # 10 images only the other recognises, 18 only the one
    a, b = (run(tmp_path, model, each) for model, each in zip("AB", wrong, strict=True))
    found = compared(a, b)
    rights = [np.isin(np.arange(IMAGES), each, invert=True) for each in wrong]
    ((pair, row),) = found.differences
    expected = paired_difference(rights[0][None], rights[1][None])
    # The first less the second: 48 of 60 less 40 of 60.
    assert row["difference"] == expected.difference == pytest.approx(8 / 60)
    assert (row["images_low"], row["images_high"]) == expected.over_images
    assert row["p_least"] == row["p_greatest"] == mcnemar_p(*rights)
    assert (row["discordant"], row["verdict"]) == (28, "not settled")
    assert (pair.one.model, pair.other.model) == ("A", "B")
    assert (row["model"], row["other"]) == ("one A", "other B")
    assert found.differing == {"model": (("A",), ("B",))}
    assert found.code == ()
    assert found.unmatched == found.left_out == ()
    ((_, back),) = compared(b, a).differences
    assert back["difference"] == pytest.approx(-8 / 60)


def test_over_seeds(tmp_path: Path) -> None:
    for seed in range(3):
        run(tmp_path, "A", range(seed), seed=seed)
        run(tmp_path, "B", range(20, 40 + 2 * seed), seed=seed)
    run(tmp_path, "B", range(9), seed=7)
    found = compare_sides(by_model(tmp_path))
    ((_, row),) = found.differences
    assert row["by_seed"] == pytest.approx({0: 20 / 60, 1: 21 / 60, 2: 22 / 60})
    assert row["difference"] == pytest.approx(21 / 60)
    assert row["verdict"] == "higher"
    assert found.unmatched == ("B lr=0.001 seed=7",)
    assert [[each.seed for each in setting.runs] for setting in found.settings] == [
        [0, 1, 2],
        [0, 1, 2, 7],
    ]


def test_a_verdict_names_the_precisions_where_they_are_not_the_same(tmp_path: Path) -> None:
    a, b = run(tmp_path, "A"), run(tmp_path, "B", range(30))
    change(a, "precision", used="bf16")
    ((_, row),) = compared(a, b).differences
    assert row["verdict"] == "higher for this seed (bf16 and fp32)"


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
    cells = [
        tuple((each.experiment, each.model, each.lr) for each in pair[:2]) for pair in pairs(found)
    ]
    assert cells[0] == (("same", "A", "0.1"), ("same", "A", "0.1"))
    assert cells[1:] == [
        (("e", model, lr), ("renamed", model, lr)) for model in "AB" for lr in ("0.1", "0.2")
    ]
    assert {pair.matched_by for pair in pairs(found)} == {"the same model, learning rate and seed"}
    assert found.unmatched == ("other renamed A lr=0.4 seed=0",)
    assert found.differing == {"learning_rate": ((0.1, 0.2), (0.1, 0.2, 0.4))}


def test_models_are_matched_by_learning_rate(tmp_path: Path) -> None:
    for model in "AB":
        for lr in ("0.1", "0.2"):
            run(tmp_path, model, range(len(model)), lr=lr)
    run(tmp_path, "B", lr="0.3")
    found = compare_sides(by_model(tmp_path))
    assert [(pair.one.lr, pair.other.lr) for pair in pairs(found)] == [
        ("0.1", "0.1"),
        ("0.2", "0.2"),
    ]
    assert pairs(found)[0].matched_by == "the same learning rate and seed"
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
    (pair,) = pairs(compare_sides(by_model(tmp_path)))
    assert (pair.one.lr, pair.other.lr) == ("0.2", "0.3")
    assert pair.matched_by.endswith("each at its chosen learning rate")


def test_two_runs_of_different_seeds_are_a_pair(tmp_path: Path) -> None:
    found = compared(run(tmp_path, "A", seed=0), run(tmp_path, "A", [1], seed=4))
    ((pair, row),) = found.differences
    assert pair.matched_by == "one run of each side"
    assert row["difference"] == pytest.approx(1 / 60)
    assert found.differing == {"seed": ((0,), (4,))}


def test_nothing_in_common(tmp_path: Path) -> None:
    for model in "AB":
        run(tmp_path / "one", model, experiment="e")
        run(tmp_path / "other", model * 2, experiment="e")
    found = compared(tmp_path / "one", tmp_path / "other")
    assert (found.differences, found.pairs, len(found.unmatched)) == ((), 0, 4)


def test_models_of_a_study_are_compared_within_an_experiment(tmp_path: Path) -> None:
    for experiment, model in (("e", "A"), ("e", "B"), ("f", "A"), ("f", "C")):
        run(tmp_path, model, experiment=experiment)
    models = by_model(tmp_path)
    assert [each.name for each in models] == ["e/A", "B", "f/A", "C"]
    found = compare_sides(models)
    assert [(pair.one.side, pair.other.side) for pair in pairs(found)] == [
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
    models = by_model(tmp_path)
    both = (("A", "B"), ("A", "C"), ("B", "C"))
    expected = holm([mcnemar_p(rights[one], rights[other]) for one, other in both])
    found = compare_sides(models).differences
    assert [row["p_least"] for _, row in found] == expected
    # Of too many pairs, those that are furthest apart; the rest still counts.
    few = compare_sides(models, most=1)
    assert few.pairs == 3
    ((pair, row),) = few.differences
    assert (pair.one.model, pair.other.model) == ("A", "B")
    assert (row["p_least"], row["verdict"]) == (expected[0], "higher for this seed")


def test_pairs_with_nothing_to_subtract(tmp_path: Path) -> None:
    one = run(tmp_path, "A", fingerprint=_digest("f"))
    other = run(tmp_path / "shuffled", "B", labels=LABELS[::-1], predicted=LABELS)
    single = [
        run(tmp_path / "single", model, labels=[0], predicted=[guess], classes=("a", "b"))
        for model, guess in (("A", 0), ("B", 1))
    ]
    gone = run(tmp_path / "gone", "A", val=(), diverged=True)
    copy = run(tmp_path / "copy", "A", fingerprint=_digest("f"))
    for first, second, sentence in (
        (one, one, "one A and other A, lr 0.001 are the same runs."),
        (one, copy, "one A and other A, lr 0.001 are the same runs."),
        (one, other, "one A and other B were not tested on the same images."),
        (*single, "one A and other B were tested on one image only."),
        (one, gone, "other A, lr 0.001, seed 0 diverged before it finished an epoch."),
    ):
        found = compared(first, second)
        assert (found.differences, found.left_out, found.pairs) == ((), (sentence,), 1)
    change(copy, "settings", epochs=9)  # the same epochs, more of them
    assert len(compared(one, copy).differences) == 1


def test_one_config_on_two_machines_is_two_runs(tmp_path: Path) -> None:
    """A fingerprint leaves the hardware out, whose rounding changes losses and predictions."""
    cpu, gpu = (
        run(tmp_path / name, "A", wrong, fingerprint=_digest("f"))
        for name, wrong in (("cpu", ()), ("gpu", range(3)))
    )
    change(gpu, "hardware", name="H200")
    found = compared(cpu, gpu)
    assert found.left_out == ()
    ((_, row),) = found.differences
    assert row["difference"] == pytest.approx(3 / 60)


def test_a_diverged_seed_leaves_the_others(tmp_path: Path) -> None:
    for seed in range(2):
        run(tmp_path, "A", seed=seed)
    run(tmp_path, "A", val=(), diverged=True, seed=2)
    for seed in range(3):
        run(tmp_path, "B", range(seed + 3), seed=seed)
    found = compare_sides(by_model(tmp_path))
    ((_, row),) = found.differences
    assert list(row["by_seed"]) == [0, 1]
    assert found.left_out == ("A, lr 0.001, seed 2 diverged before it finished an epoch.",)


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
    assert found.differing == {
        "optimizer.name": (("sgd",), ("adam",)),
        "optimizer.momentum": ((0.9,), ()),
        "precision used": (("fp32",), ("bf16",)),
        "hardware.threads": ((1,), (4,)),
        "version.torch": (("2.9.0",), ("2.10.0",)),
        "data.hash": (("0" * 64,), ("ab" * 32,)),
    }
    assert found.code == ("pj2/training/loop.py",)
    change(other, "code", modules={"pj2.models": {"x": "1"}, "pj2.models.vgg": {"x": "1"}})
    assert compared(one, other).code == ()


def test_settings_and_code_that_are_exchanged_between_the_runs_of_a_side(tmp_path: Path) -> None:
    for root, models in (("one", "AB"), ("other", "BA")):
        for place, model in enumerate(models):
            folder = run(tmp_path / root, model)
            change(folder, "settings", batch_size=10 + place)
            change(folder, "code", modules={"pj2.training.loop": {"x": str(place)}})
    found = compared(tmp_path / "one", tmp_path / "other")
    assert found.differing == {"batch_size": ((10, 11), (11, 10))}
    assert found.code == ("pj2/training/loop.py",)
    for root in ("one", "other"):
        for model, size in (("C", 10), ("D", 11)):
            change(run(tmp_path / root, model), "settings", batch_size=size)
    assert compared(tmp_path / "one", tmp_path / "other").differing.keys() == {"batch_size"}
