"""Model cards of hand-made runs, and what they warn of."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from pj2.publish.card import model_card, study_page
from pj2.publish.citation import Citation
from pj2.publish.facts import Model, weights_of
from pj2.publish.limitations import limitations
from pj2.runs.reading import load_runs
from tests.helpers.made_up import CLASSES, change_record, make_index, make_run

LABELS = [0, 1, 2, 3] * 5
CITATION = Citation("We. This.", ("They. That.",))
DATA = {
    "name": "cifar10", "source": "sample", "classes": list(CLASSES), "hash": "d" * 64,
    "train_images": 120, "test_images": 20, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2],
}  # fmt: skip


def guesses(wrong: int) -> list[int]:
    """Of 20 images the first are mistaken for the next class."""
    return [(label + (place < wrong)) % 4 for place, label in enumerate(LABELS)]


def made(root: Path, *, wrong: int = 4, model: str = "VGG_A", monitor: str = "", **more):
    """Write a run with what the training job records besides."""
    entry = make_run(
        root, model, [2.0, 1.0], val=more.pop("val", (0.7, 0.6)), test=more.pop("test", None),
        labels=LABELS, predicted=guesses(wrong), fingerprint="f" * 64,
        artifacts={"best.safetensors": "b" * 64}, versions={"torch": "2.14"}, **more,
    )  # fmt: skip
    if monitor:
        change_record(entry["folder"], settings={"monitor": monitor})
    return entry


def model_of(root: Path, *entries, data=DATA) -> Model:
    return Model("s", tuple(load_runs(make_index(root, entries))), data)


def metadata_of(card: str):
    return yaml.safe_load(card.split("---\n")[1])


def test_of_several_seeds_the_metadata_have_mean_deviation_and_n(tmp_path):
    runs = [made(tmp_path, seed=seed, wrong=wrong) for seed, wrong in enumerate((4, 6, 5))]
    card = model_card(model_of(tmp_path, *runs), "cc-by-4.0", CITATION)
    metadata = metadata_of(card)
    assert metadata["license"] == "cc-by-4.0"
    assert metadata["datasets"] == ["uoft-cs/cifar10"]
    (index,) = metadata["model-index"]
    (result,) = index["results"]
    assert (index["name"], result["dataset"]["split"]) == ("VGG_A", "test")
    assert result["metrics"] == [
        {
            "type": "accuracy",
            "value": "75.00 ± 5.00",
            "name": "Test accuracy, %, mean ± sd (n = 3 seeds, 20 test images)",
        }
    ]
    half = 4.302653 * 5 / 3**0.5  # Student, two degrees of freedom
    assert f"**75.00 ± 5.00 [{75 - half:.2f}, {75 + half:.2f}] %** (n = 3 seeds" in card


def test_of_one_seed_the_value_is_a_number(tmp_path):
    card = model_card(model_of(tmp_path, made(tmp_path)), "mit", CITATION)
    (metric,) = metadata_of(card)["model-index"][0]["results"][0]["metrics"]
    assert metric["value"] == 80.0
    assert "n = 1 seed," in metric["name"]


def test_the_learning_rate_that_validation_chose_stands_for_the_model(tmp_path):
    runs = [
        made(tmp_path, lr="0.1", wrong=2, val=(0.5,)),
        made(tmp_path, lr="0.2", wrong=8, val=(0.6,)),
    ]
    model = model_of(tmp_path, *runs)
    card = model_card(model, "mit", CITATION)
    assert metadata_of(card)["model-index"][0]["results"][0]["metrics"][0]["value"] == 60.0
    assert 'run = Path("lr=0.2/seed=0")' in card
    assert re.search(r"^\| \*\*0\.2\*\* +\| 1 .* 60\.00 \[", card, re.M)
    assert "[VGG_A](runs/experiment=e/model=VGG_A/README.md)" in study_page(
        [model], "mit", CITATION, ["summary"], report=False
    )


def test_the_architecture_is_described_with_its_options_and_tensors(tmp_path):
    filters = np.zeros((8, 3, 3, 3), np.float32)
    card = model_card(
        model_of(tmp_path, made(tmp_path, model="VGG_A_BatchNorm", filters=filters)),
        "mit", CITATION,
    )  # fmt: skip
    assert "VGG_A with BatchNorm between each convolution and its ReLU" in card
    assert "As published" not in card
    narrow = made(tmp_path / "narrow", settings={"architecture": {"width": 0.25}})
    assert "As published, with the default options: `[N, 3, 32, 32]`" in model_card(
        model_of(tmp_path / "narrow", narrow), "mit", CITATION
    )
    assert "The eight 3x3 convolutions of configuration A" in card  # of what it is built on
    assert "class VGG_A_BatchNorm(VGG_A)" in card  # the source itself
    assert "| Parameters | 1,234,567 |" in card
    assert re.search(r"^\| `features\.0\.weight` +\| 8 x 3 x 3 x 3 +\| F32 +\|$", card, re.M)
    assert re.search(r"^\| `dropout` +\| 0\.0 +\| 0\.0 +\|$", card, re.M)


def test_without_trained_weights_there_are_no_results_and_no_way_to_load_them(tmp_path):
    entry = make_run(
        tmp_path, "VGG_A", [9.0], val=(), diverged=True, fingerprint="f" * 64,
        artifacts={"best.safetensors": "b" * 64}, versions={"torch": "2.14"},
    )  # fmt: skip
    card = model_card(model_of(tmp_path, entry), "mit", CITATION)
    assert "model-index" not in metadata_of(card)
    assert "no run at its learning rate finished an epoch" in card
    assert "```python" not in card
    assert "b" * 64 not in card


def test_weights_stand_in_the_order_of_the_layers(tmp_path):
    from safetensors.numpy import save_file

    zero = np.zeros(2, np.float32)
    save_file({f"f.{i}.{n}": zero for i in (10, 9, 0) for n in "ba"}, tmp_path / "w.safetensors")
    names = [weights.name for weights in weights_of(tmp_path / "w.safetensors")]
    assert names == ["f.0.a", "f.0.b", "f.9.a", "f.9.b", "f.10.a", "f.10.b"]


def said(root: Path, *entries, data=DATA) -> str:
    return "\n".join(limitations(model_of(root, *entries, data=data)))


def test_a_sample_is_not_the_data_set(tmp_path):
    whole = DATA | {"train_images": 50_000, "test_images": 10_000}
    sentence = "120 of the 50,000 training images of CIFAR-10"
    assert sentence in said(tmp_path, made(tmp_path))
    assert "CIFAR-10" not in said(tmp_path, made(tmp_path), data=whole)
    assert "CIFAR-10" not in said(tmp_path, made(tmp_path), data=DATA | {"name": "custom"})


def test_diverged_runs_are_named(tmp_path):
    lost = made(tmp_path, lr="0.5", seed=7, val=(), diverged=True)
    late = made(tmp_path, lr="0.5", seed=8, diverged=True)
    text = said(tmp_path, made(tmp_path), lost, late)
    assert "lr=0.5/seed=7 at step 2; lr=0.5/seed=8 at step 2. Runs without a finished" in text
    assert "have no weights" not in said(tmp_path, made(tmp_path), late)
    assert "Diverged" not in said(tmp_path, made(tmp_path))


@pytest.mark.parametrize(
    ("seeds", "sentence"), [(1, "One seed:"), (2, "2 seeds say little"), (3, None)]
)
def test_few_seeds_are_said_to_be_few(tmp_path, seeds, sentence):
    text = said(tmp_path, *(made(tmp_path, seed=seed) for seed in range(seeds)))
    assert (sentence or "") in text
    assert ("One seed" in text, "say little" in text) == (seeds == 1, seeds == 2)


def test_an_epoch_chosen_on_the_test_images_is_a_bias(tmp_path):
    assert "biased upwards" not in said(tmp_path, made(tmp_path))
    assert "biased upwards" in said(tmp_path, made(tmp_path, monitor="test_accuracy"))


def test_card_and_page_name_the_accuracy_that_chose_the_learning_rate(tmp_path):
    chosen = {}
    for name, images in (("validation", 40), ("test", 0)):
        runs = [
            made(
                tmp_path / name, lr=lr, val=(0.5,) if images else (None,), test=(0.4,),
                settings={"monitor": f"{'val' if images else 'test'}_accuracy"},
                data={"train_images": 120, "validation_images": images},
            )
            for lr in ("0.1", "0.2")
        ]  # fmt: skip
        model = model_of(tmp_path / name, *runs)
        page = study_page([model], "mit", CITATION, ["summary"], report=False)
        chosen[name] = model_card(model, "mit", CITATION) + page
        assert f"the one with the best {name} accuracy of 2" in chosen[name]
        assert f"its learning rate with the best {name} accuracy" in chosen[name]
        assert f"120 images to train on, {images} to validate, 20 to test)" in page
    assert "best validation accuracy" not in chosen["test"]


def test_progress_to_the_last_epoch_is_said(tmp_path):
    assert "More epochs" not in said(tmp_path, made(tmp_path))
    rising = [made(tmp_path, val=(0.6, 0.7)), made(tmp_path, seed=1)]
    assert "in 1 of 2 runs at the chosen" in said(tmp_path, *rising)
    lost = made(tmp_path / "lost", val=(0.6, 0.7), diverged=True)
    assert "More epochs" not in said(tmp_path / "lost", lost)


def test_guessing_is_told_from_knowing(tmp_path):
    limit = "exceed that of always naming the most frequent class, 25.00 %"
    assert limit not in said(tmp_path, made(tmp_path, wrong=4))
    for wrong in (14, 20):  # as good, and worse
        assert limit in said(tmp_path, made(tmp_path, wrong=wrong))


def test_the_worst_classes_and_mistakes_are_named(tmp_path):
    text = said(tmp_path, made(tmp_path, wrong=1))
    assert "recognises *plane* least: 80.00 % of 5 test images" in text
    assert "to take *plane* for *car*: 20.00 % of its images" in text
    assert "recognises *car*, *bird*, *cat* least" in said(
        tmp_path,
        make_run(
            tmp_path, "VGG_A", [2.0], labels=LABELS, predicted=[0] * 20
        ),
    )  # fmt: skip
    assert "No mistake" not in said(tmp_path, made(tmp_path, wrong=0))


def test_probabilities_are_compared_with_what_is_recognised(tmp_path):
    assert "are lower than they should be" in said(tmp_path, made(tmp_path, confidence=0.7))
    assert "are higher than they should be" in said(tmp_path, made(tmp_path, confidence=0.95))
    assert "they should be" not in said(tmp_path, made(tmp_path, confidence=0.8))


def test_several_machines_and_precisions_are_named(tmp_path):
    other = made(
        tmp_path, seed=1, precision={"used": "bf16"},
        hardware={"device": "cuda", "name": "A GPU", "threads": 1},
    )  # fmt: skip
    text = said(tmp_path, made(tmp_path), other)
    assert "computed in several precisions: bf16; fp32." in text
    assert "computed on several machines: A GPU (cuda); Made-up CPU (cpu)." in text
