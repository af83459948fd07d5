"""Every part of the benchmark runs at a tiny size; how fast is no matter here."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import benchmarks.__main__ as program
from benchmarks import aggregation, augmentation, dag, engine, restoring
from benchmarks.commands import usage
from benchmarks.measure import Measurement, describe_machine, interleave
from benchmarks.plain_loop import PlainLoop, torch
from benchmarks.precision import compare
from benchmarks.table import markdown
from benchmarks.workload import prepared, settings_of, write_prepared
from pj2.data.open import open_prepared


def test_every_repeat_has_every_variant_and_none_always_follows_another() -> None:
    calls: list[str] = []

    def variant(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    samples = interleave({name: lambda n=name: variant(n) for name in "abc"}, 20)
    repeats = ["".join(calls[i : i + 3]) for i in range(0, 60, 3)]
    assert {"".join(sorted(repeat)) for repeat in repeats} == {"abc"}
    assert len(set(repeats)) == 6
    assert samples["a"] == [i + 1.0 for i, name in enumerate(calls) if name == "a"]


def test_a_table_has_median_range_and_ratio_of_each_repeat() -> None:
    one = Measurement(
        "Part", "thing", "s", {"a": [1.0, 8.0, 3.0], "b": [2.0, 2.0, 2.0]}, [("a", "b")]
    )
    assert one.ratios("a", "b") == [0.5, 4.0, 1.5]
    text = " ".join(markdown(describe_machine(), [one]).split())
    assert "| thing | a | 3 | 1 to 8 | s | 3 |" in text
    assert "| thing | **a / b** | 1.5 | 0.5 to 4 | times | 3 |" in text


def test_made_up_data_open_as_prepared_ones_do(tmp_path) -> None:
    data = open_prepared(write_prepared(tmp_path / "data", 50, 20))
    assert torch.equal(data.train_images, prepared(50, 20).train_images)
    assert len(data.test_labels) == 20


def test_the_plain_loop_learns_and_has_no_convolution_of_ours() -> None:
    torch.manual_seed(0)
    loop = PlainLoop("BasicCNN", 64, torch.device("cpu"))
    assert loop.epoch() > loop.epoch()
    vgg = PlainLoop("VGG_A", 4, torch.device("cpu")).model
    kinds = {type(m) for m in vgg.modules() if isinstance(m, torch.nn.Conv2d)}
    assert kinds == {torch.nn.Conv2d}


def test_engine_augmentation_and_restoring_measure(monkeypatch) -> None:
    (found,) = engine.measure(["BasicCNN"], repeats=1, batches=1)
    assert {"plain loop", "ours fp32", "bare step fp32"} <= found.samples.keys()
    assert all(value > 0 for values in found.samples.values() for value in values)
    monkeypatch.setattr(augmentation, "_OURS", 256)
    monkeypatch.setattr(augmentation, "_THEIRS", 128)
    (found,) = augmentation.measure(repeats=1)
    assert len(found.samples) == 4
    monkeypatch.setattr(restoring, "_IMAGES", 100)
    monkeypatch.setattr(restoring, "_EPOCHS", 1)
    monkeypatch.setattr(restoring, "settings_of", lambda model: settings_of("BasicCNN"))
    (found,) = restoring.measure(repeats=1)
    assert found.samples.keys() == {"trained", "restored"}


def test_planning_and_aggregation_measure() -> None:
    (found,) = dag.measure(repeats=1, sizes=(10,))
    assert found.samples.keys() == {"ours", "bare Snakefile"}
    seconds, memory = aggregation.measure(repeats=1, rates=2, steps=500)
    assert seconds.samples.keys() == memory.samples.keys()
    assert min(map(min, memory.samples.values())) > 10


def test_memory_is_that_of_the_command_and_not_of_who_measures() -> None:
    ballast = np.ones(60_000_000)  # 480 MB
    _, small = usage([sys.executable, "-c", "pass"])
    _, large = usage([sys.executable, "-c", "b = bytearray(200_000_000)"])
    assert small < 100 < 150 < large < 300
    assert ballast.sum() == 60_000_000


def test_results_are_written_as_json_and_markdown(tmp_path, monkeypatch, capsys) -> None:
    made_up = Measurement("Part", "thing", "s", {"a": [1.0]})
    monkeypatch.setattr(program.augmentation, "measure", lambda repeats: iter([made_up]))
    monkeypatch.setattr(sys, "argv", ["bench", "augmentation", "--output", str(tmp_path)])
    program.main()
    (path,) = tmp_path.glob("*.json")
    content = json.loads(path.read_text())
    assert content["measurements"][0]["samples"] == {"a": [1.0]}
    assert content["machine"]["cores"] >= 1
    assert path.with_suffix(".md").read_text().strip() in capsys.readouterr().out


def test_a_part_that_does_not_exist_is_named(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "engin"])
    with pytest.raises(SystemExit) as caught:
        program.main()
    assert caught.value.code == 2
    assert "no part engin" in capsys.readouterr().err


def test_precisions_are_compared_over_seeds(tmp_path) -> None:
    rows = [
        f"{precision},{accuracy},{accuracy - 0.01}"
        for precision, values in (("fp32", (0.80, 0.82, 0.84)), ("bf16", (0.81, 0.83, 0.85)))
        for accuracy in values
    ]
    path = tmp_path / "comparison.csv"
    path.write_text("\n".join(["precision,val_accuracy,test_accuracy", *rows]))
    text = " ".join(compare(path).split())
    # Student's t with 2 degrees of freedom: 4.303 x 2 / sqrt(3); Welch with 4: 2.776 x 1.633.
    assert (
        "| validation | 82.00 ± 4.97 (n = 3) | 83.00 ± 4.97 (n = 3) | +1.00 [-3.53, +5.53] |"
        in text
    )
