"""Download a data set through torchvision, which checks each file's MD5 sum."""

from __future__ import annotations

import errno
import http.client
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pj2.config.datasets import DATASETS, is_mnist_size
from pj2.data.sources.images import pad_mnist
from pj2.data.sources.locate import SPLITS
from pj2.data.sources.raw import RawDataset, Split, check_labels
from pj2.errors import UserError

PAUSES = (2.0, 10.0)  # seconds before the second and the third attempt
_TIMEOUT = 60.0  # seconds without a byte; torchvision itself would wait for ever
_LOCAL = (errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


def read_torchvision(name: str, path: str | None) -> RawDataset:
    """Return data set `name`, downloaded into `path` (default: ``data/<name>``) if not there.

    28 x 28 grey images get a border of two zeros and three equal channels.
    Raises UserError, with what to do, if the download fails three times or the
    files on disk are unreadable.
    """
    facts = DATASETS[name]
    root = Path(path or f"data/{name}").expanduser()
    splits = {split: _read_split(name, split, root) for split in SPLITS}
    for split in SPLITS:
        check_labels(splits[split].labels, len(facts.classes), f"{root}: {split} split", "image")
    return RawDataset(splits["train"], splits["test"], facts.classes)


def _read_split(name: str, split: str, root: Path) -> Split:
    from torchvision import datasets  # here, since it takes seconds and imports torch

    dataset_class = getattr(datasets, DATASETS[name].torchvision_class)
    which = {"split": split} if name == "svhn" else {"train": split == "train"}
    data = _attempt(lambda: dataset_class(root, download=True, **which), name, root)
    images = np.asarray(data.data)
    if name == "svhn":
        images = images.transpose(0, 2, 3, 1)
    if is_mnist_size(name):
        images = np.repeat(pad_mnist(images[..., None]), 3, axis=3)
    labels = data.labels if name == "svhn" else data.targets
    return Split(images, np.asarray(labels, dtype=np.int64))


def _attempt(construct: Callable[[], Any], name: str, root: Path) -> Any:
    """Call `construct`; if the network may have failed, again after each of `PAUSES`."""
    title = DATASETS[name].title
    for pause in (*PAUSES, None):
        try:
            with _socket_timeout():
                return construct()
        except (OSError, http.client.HTTPException, RuntimeError) as error:
            # torchvision raises RuntimeError for a wrong MD5 sum, and if no mirror is left.
            if isinstance(error, OSError) and error.errno in _LOCAL:
                raise UserError(f"{root}: cannot store {title} there ({_line(error)})") from None
            reason = _line(error)
        except Exception as error:  # readers of damaged files raise nearly anything
            raise UserError(
                f"{root}: the files of {title} there are unreadable ({_line(error)}); delete the "
                "folder to download them again"
            ) from None
        if pause is not None:
            print(
                f"{title}: download failed ({reason}); trying again in {pause:.0f} s",
                file=sys.stderr,
            )
            time.sleep(pause)
    raise UserError(
        f"{title}: not downloaded into {root} after {len(PAUSES) + 1} attempts ({reason}); "
        "try again later, set dataset.path with source parquet, archive or imagefolder to a copy "
        "on disk, or use source: sample"
    )


@contextmanager
def _socket_timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
