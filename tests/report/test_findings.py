"""The page's first sentences, recomputed from what made-up runs recorded."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from pj2.exhibits.letters import width
from pj2.language import in_language
from pj2.report.contents import Shown
from pj2.report.findings import Finding, Findings, findings
from pj2.report.written import as_markdown
from pj2.runs.reading import load_runs
from tests.helpers.made_up import make_index, make_run

DATA = {"name": "cifar10", "train_images": 2_700, "validation_images": 300, "test_images": 40}


def found(root: Path, *runs: dict[str, Any]) -> Findings:
    """What the page says of runs of an experiment named e."""
    contents: Any = SimpleNamespace(config=SimpleNamespace(experiments={"e": None}))
    return findings(Shown(contents, tuple(load_runs(make_index(root, list(runs))))))


def sentences(root: Path, *runs: dict[str, Any]) -> list[str]:
    ((name, told),) = found(root, *runs).found
    assert name == "e"
    return [finding.text for finding in told]


def guesses(right: int, of: int = 40) -> dict[str, Any]:
    return {"labels": [0] * of, "predicted": [0] * right + [1] * (of - right), "data": DATA}


def test_accuracies_and_pairs(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, model, [1.0], **guesses(right))
        for model, right in (("A", 38), ("B", 20), ("C", 19))
    ]
    told = sentences(tmp_path, *runs)
    assert told[0].startswith("Most test images were recognised by A: 95.0 % [83.5, 98.6] of 40 (l")
    assert told[1:] == [
        "A is more accurate than C by 47.5 points, in this seed",
        "A is more accurate than B by 45.0 points, in this seed",
        "Not settled: B / C",
    ]


def test_unlike_budgets_stand_in_the_sentence_itself(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, "A", [1.0] * 8, val=[0.5] * 8, test=[0.5] * 8, **guesses(38)),
        make_run(tmp_path, "B", [1.0], **guesses(20)),
    ]
    assert sentences(tmp_path, *runs)[1] == (
        "A is more accurate than B by 45.0 points, in this seed, with up to 8 epochs against 1"
    )
    limits = found(tmp_path, *runs).limits
    assert any(limit.startswith("e: Epoch budgets differ") for limit in limits)


def test_one_model_and_no_pair(tmp_path: Path) -> None:
    told = sentences(tmp_path, make_run(tmp_path, "A", [1.0], **guesses(20)))
    assert told == [
        "A recognised 50.0 % [35.2, 64.8] of 40 test images (learning rate 0.001, seed 0)"
    ]


def test_what_became_of_each_learning_rate(tmp_path: Path) -> None:
    """Four classes: guessing has a loss of 1.386."""
    runs = [
        make_run(tmp_path, "A", [1.0, 0.5], lr="0.001"),
        make_run(tmp_path, "A", [1.38, 1.38], lr="0.01"),
        make_run(tmp_path, "A", [1.0, 0.5], lr="0.1"),
        make_run(tmp_path, "A", [1.0], lr="0.1", seed=1, diverged=True),
    ]
    told = sentences(tmp_path, *runs)
    assert told[-1] == (
        "A learned at 0.001; hardly learned at 0.01; diverged at 0.1 (if seeds "
        "differ, the worst outcome)"
    )


def test_without_the_cross_entropy_only_divergence_shows(tmp_path: Path) -> None:
    squared = {"loss": {"name": "squared_error"}}
    runs = [
        make_run(tmp_path, "A", [0.9] * 20, lr=lr, settings=squared, diverged=lr == "1.0")
        for lr in ("0.01", "0.1", "1.0")
    ]
    assert sentences(tmp_path, *runs)[-1] == "A did not diverge at 0.01, 0.1; diverged at 1.0"


def test_models_that_recognise_equally_many_are_all_named(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, model, [1.0], **guesses(30)) for model in "AB"]
    first = sentences(tmp_path, *runs)[0]
    assert first == "Most test images were recognised by A and B: 75.0 % of 40 each"


def test_a_model_that_diverged_is_not_merely_less_accurate(tmp_path: Path) -> None:
    runs = [
        make_run(
            tmp_path, model, [1.0] * 12, val=[0.5] * (4 - diverged), test=[0.5] * 4, seed=seed,
            diverged=diverged, settings={"epochs": 4}, **guesses(right + seed // (2 - diverged)),
        )
        for model, right, diverged in (("A", 36, False), ("B", 20, True))
        for seed in (0, 1, 2)
    ]  # fmt: skip
    told = found(tmp_path, *runs)
    assert told.found[0][1][1].text.endswith("; runs of B diverged")
    assert (
        "Diverged runs, which count only as far as they got: B at 0.001, seed 0; B at"
        in "".join(told.limits)
    )


def bands(root: Path, wide: tuple[float, ...], narrow: tuple[float, ...]) -> list[str]:
    runs = [
        make_run(root, model, np.full(20, loss), lr=str(lr))
        for model, losses in (("A", wide), ("B", narrow))
        for lr, loss in zip((0.1, 0.2, 0.3), losses, strict=True)
    ]
    return [text for text in sentences(root, *runs) if "band" in text]


def test_bands_with_each_rate_left_out(tmp_path: Path) -> None:
    (text,) = bands(tmp_path / "sure", (0.1, 0.5, 0.9), (0.2, 0.4, 0.6))
    assert text == (
        "Over the 3 learning rates and 20 steps that both models have, the band of B is 0.50 times "
        "as wide as that of A, and 0.50 to 0.50 times with any one rate left out"
    )
    (text,) = bands(tmp_path / "single", (0.1, 0.2, 0.9), (0.2, 0.4, 0.6))
    assert text == (
        "Over the 3 learning rates and 20 steps that both models have, the band of B is 0.50 times "
        "as wide as that of A, and 0.29 to 2.00 times with any one rate left out: which band is "
        "wider depends on a single rate"
    )


def test_a_band_is_not_steadier_for_the_rates_at_which_its_model_fails(tmp_path: Path) -> None:
    ends = {"A": {"0.01": 0.8, "0.1": 0.5}, "B": {"0.01": 0.8, "0.1": 0.5, "0.5": 0.4, "1.0": 0.3}}
    runs = [
        make_run(tmp_path, model, np.full(100, loss), lr=lr)
        for model, losses in ends.items()
        for lr, loss in losses.items()
    ]
    runs += [
        make_run(tmp_path, "A", [2.0, 9.0, 80.0], lr=lr, val=(), diverged=True)
        for lr in ("0.5", "1.0")
    ]
    (text,) = [text for text in sentences(tmp_path, *runs) if "band" in text]
    assert text == (
        "Over the 4 learning rates and 100 steps that both models have, the band of B is 1.67 "
        "times as wide as that of A, and 1.33 to 1.67 times with any one rate left out, and 1.00 "
        "times without rates at which a run diverged or hardly learned: which band is wider "
        "depends on rates at which a run diverged or hardly learned"
    )


def test_bands_are_compared_over_the_rates_and_steps_that_both_have(tmp_path: Path) -> None:
    def of_model(model: str, length: int, *rates: tuple[str, float]) -> list[dict[str, Any]]:
        return [make_run(tmp_path, model, np.full(length, loss), lr=lr) for lr, loss in rates]

    shared = (("0.1", 0.2), ("0.2", 0.3), ("0.3", 0.4))
    runs = of_model("A", 100, *shared) + of_model("B", 10, ("0.001", 1.0), *shared)
    (text,) = [text for text in sentences(tmp_path, *runs) if "band" in text]
    assert text.startswith(
        "Over the 3 learning rates and 10 steps that both models have, the band of B is 1.00 times"
    )


def test_equal_bands_hang_on_nothing_and_unlike_rates_make_none(tmp_path: Path) -> None:
    (text,) = bands(tmp_path / "equal", (0.1, 0.2, 0.3), (0.1, 0.2, 0.3))
    assert text.endswith("and 1.00 to 1.00 times with any one rate left out")
    runs = [make_run(tmp_path, model, [1.0], lr=lr) for model, lr in (("A", "0.1"), ("B", "0.2"))]
    assert not [text for text in sentences(tmp_path, *runs) if "band" in text]


def test_a_model_without_a_finite_loss_has_no_band_to_compare(tmp_path: Path) -> None:
    rates = ("0.1", "0.2", "0.3")
    runs = [make_run(tmp_path, "A", [], lr=lr, val=(), diverged=True) for lr in rates]
    runs += [make_run(tmp_path, "B", [1.0], lr=lr) for lr in rates]
    assert not [text for text in sentences(tmp_path, *runs) if "band" in text]


def test_what_cannot_be_concluded(tmp_path: Path) -> None:
    narrow = {"architecture": {"width": 0.25}}
    run = make_run(tmp_path, "BasicCNN", [1.38, 1.38], settings=narrow, **guesses(20))
    limits = found(tmp_path, run).limits
    assert limits[0].startswith("3,000 of the 50,000 training images of CIFAR-10 were used")
    assert limits[1] == "Networks have 0.25 times their published width in e."
    # 1.96 sqrt(2 x 0.25 / 40) = 21.9 points
    assert limits[2].startswith("40 test images: two networks' accuracies may differ by up to 22 p")
    assert limits[3].startswith("One seed in e:")
    assert limits[4].startswith("Hardly learned")
    whole = {"name": "cifar10", "train_images": 45_000, "validation_images": 5_000,
             "test_images": 10_000}  # fmt: skip
    runs = [make_run(tmp_path, "A", [1.0], seed=seed, data=whole) for seed in (0, 1)]
    assert found(tmp_path, *runs).limits == ()


def test_the_file_says_what_the_page_says_in_short_lines(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, model, [1.38] * 2, lr=lr, **guesses(right))
        for model, right in (("VGG_A", 20), ("VGG_A_BatchNorm", 38))
        for lr in ("0.1", "0.2", "0.3")
    ]
    for language in ("en", "zh"):
        with in_language(language):
            told = found(tmp_path, *runs)
            written = as_markdown("s", told)
        assert max(map(width, written.splitlines())) <= 79
        each = [finding.text for _, all_of_it in told.found for finding in all_of_it]
        squeezed = "".join(written.split())
        sentences = (*each, *told.limits)
        assert [text for text in sentences if "".join(text.split()) not in squeezed] == []
        assert written.count("\n- ") == len(sentences)
        assert [line for line in written.splitlines() if line[:1] not in ("-", " ", "#", "")] == []


def test_names_stay_names_in_markdown() -> None:
    told = Findings((("e", (Finding("`A` *learned* at 0.1, VGG_A did", "curves"),)),), ())
    assert as_markdown("s", told) == (
        "# s: findings\n\n## e\n\n- \\`A\\` \\*learned\\* at 0.1, VGG_A did\n"
    )
