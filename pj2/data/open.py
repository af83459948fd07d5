"""Open a prepared data set: its images are memory-mapped, and their hash is verified."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from pj2.data.content import content_hash
from pj2.data.layout import AGAIN, IMAGES_FILE, INFO_FILE, SIDE, read_info
from pj2.data.prepared import PreparedData
from pj2.errors import UserError

_KEYS = ("train_images", "train_labels", "test_images", "test_labels")


def open_prepared(folder: str | Path) -> PreparedData:
    """Return the data set that `pj2.data.prepare.prepare` wrote into `folder`.

    Raises UserError if a file is missing or damaged, or if the two files do
    not belong together.
    """
    images = Path(folder) / IMAGES_FILE
    description = Path(folder) / INFO_FILE
    info = read_info(folder)
    try:
        with safe_open(images, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in _KEYS}
        data = PreparedData(
            **tensors,
            mean=tuple(info["mean"]),
            std=tuple(info["std"]),
            classes=tuple(info["classes"]),
            hash=info["hash"],
            name=info["name"],
            source=info["source"],
        )
        sizes = {"train": info["train_images"], "test": info["test_images"]}
    except FileNotFoundError:
        raise UserError(f"{images}: no such file; {AGAIN}") from None
    except (OSError, SafetensorError) as error:
        raise UserError(f"{images}: damaged ({str(error).splitlines()[0]}); {AGAIN}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{description}: damaged ({type(error).__name__}); {AGAIN}") from None
    for split, size in sizes.items():
        shape = tuple(tensors[f"{split}_images"].shape)
        if shape != (size, SIDE, SIDE, 3) or tensors[f"{split}_labels"].shape != (size,):
            raise UserError(
                f"{images}: {split}_images is {list(shape)}, but {INFO_FILE} counts {size}; {AGAIN}"
            )
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    if content_hash(arrays, len(data.classes)) != data.hash:
        raise UserError(f"{images}: damaged: not the images that {INFO_FILE} names; {AGAIN}")
    return data
