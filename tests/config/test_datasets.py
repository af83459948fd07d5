from __future__ import annotations

import pytest

from pj2.config.datasets import DATASETS, match_classes


@pytest.mark.parametrize(
    ("name", "classes"), [("cifar10", 10), ("cifar100", 100), ("svhn", 10), ("fashion_mnist", 10)]
)
def test_class_names_are_distinct_and_complete(name: str, classes: int) -> None:
    assert len(set(DATASETS[name].classes)) == len(DATASETS[name].classes) == classes


def test_torchvision_agrees() -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    for facts in DATASETS.values():
        assert hasattr(datasets, facts.torchvision_class)
    assert tuple(datasets.FashionMNIST.classes) == DATASETS["fashion_mnist"].classes


def test_the_official_order_of_cifar100_is_alphabetical() -> None:
    assert list(DATASETS["cifar100"].classes) == sorted(DATASETS["cifar100"].classes)


def test_names_match_without_case_and_punctuation() -> None:
    folders = ["ankle-boot", "bag", "coat", "dress", "pullover", "sandal", "shirt", "sneaker"]
    labels = match_classes("fashion_mnist", [*folders, "T-shirt_top", "trouser"])
    assert labels == [9, 8, 4, 3, 2, 5, 6, 7, 0, 1]


def test_missing_repeated_and_foreign_classes_do_not_match() -> None:
    digits = list("0123456789")
    assert match_classes("svhn", digits[:9]) is None
    assert match_classes("svhn", [*digits[:9], "8"]) is None
    assert match_classes("svhn", [*digits, "10"]) is None
