"""What is known of each data set before any file is read: class names, sizes, origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class DatasetFacts:
    """The official facts of a data set.

    `classes` is in label order: the name of label ``i`` is ``classes[i]``.
    `image_shape` is (height, width, channels) as published.
    """

    title: str
    torchvision_class: str
    classes: tuple[str, ...]
    train_images: int
    test_images: int
    image_shape: tuple[int, int, int]
    reference: str


_CIFAR100_NAMES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch
crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo
keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse
mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy
porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper
snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television
tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""

_KRIZHEVSKY = "Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images"

DATASETS: dict[str, DatasetFacts] = {
    "cifar10": DatasetFacts(
        title="CIFAR-10",
        torchvision_class="CIFAR10",
        classes=(
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        train_images=50_000,
        test_images=10_000,
        image_shape=(32, 32, 3),
        reference=_KRIZHEVSKY,
    ),
    "cifar100": DatasetFacts(
        title="CIFAR-100",
        torchvision_class="CIFAR100",
        classes=tuple(_CIFAR100_NAMES.split()),
        train_images=50_000,
        test_images=10_000,
        image_shape=(32, 32, 3),
        reference=_KRIZHEVSKY,
    ),
    "svhn": DatasetFacts(
        title="SVHN",
        torchvision_class="SVHN",
        classes=tuple("0123456789"),
        train_images=73_257,
        test_images=26_032,
        image_shape=(32, 32, 3),
        reference=(
            "Netzer et al. (2011), Reading Digits in Natural Images with Unsupervised Feature "
            "Learning"
        ),
    ),
    "fashion_mnist": DatasetFacts(
        title="Fashion-MNIST",
        torchvision_class="FashionMNIST",
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        train_images=60_000,
        test_images=10_000,
        image_shape=(28, 28, 1),
        reference=(
            "Xiao, Rasul and Vollgraf (2017), Fashion-MNIST: a Novel Image Dataset for "
            "Benchmarking Machine Learning Algorithms"
        ),
    ),
}


def is_mnist_size(dataset: str) -> bool:
    """Tell whether a data set has grey images of 28 x 28 pixels, as MNIST."""
    return dataset in DATASETS and DATASETS[dataset].image_shape == (28, 28, 1)


# The Hugging Face copy of CIFAR-100 spells one class so.
_MISSPELLED = {"cra": "crab"}


def match_classes(dataset: str, names: Sequence[str]) -> list[int] | None:
    """Return the official label of each of `names`, or None if they are other classes.

    Names are compared without case and punctuation, since a folder cannot be
    called ``T-shirt/top``. All of the data set's classes must be there, once.
    """
    official = {_plain(name): label for label, name in enumerate(DATASETS[dataset].classes)}
    plain = [_plain(_MISSPELLED.get(name, name)) for name in names]
    if len(plain) != len(official) or set(plain) != set(official):
        return None
    return [official[name] for name in plain]


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
