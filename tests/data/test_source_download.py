from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pj2.data.sources import download
from tests.data.image_layouts import Tiny, idx_gz, pack, tiny, write_python_batches

datasets = pytest.importorskip("torchvision.datasets")

Prepared = Callable[..., tuple[dict[str, Any], bytes]]
Complaint = Callable[..., str]


class Server:
    """Serves a folder on the loopback interface; the first `failures` GETs are refused."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failures = 0
        self.requests = 0
        server = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests += 1
                if server.requests <= server.failures:
                    self.send_error(503)
                else:
                    super().do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self._http.server_port}/"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0))
    folder = tmp_path / "served"
    folder.mkdir()
    running = Server(folder)
    yield running
    running.close()


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def _serve_cifar10(server: Server, data: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point torchvision's CIFAR10 at a tiny archive on the loopback server."""
    folder = write_python_batches(server.folder / "cifar-10-batches-py", data)
    meta = b"\x80\x02}U\x0blabel_names](" + b"".join(
        b"U\x01" + b"abcdefghij"[i : i + 1] for i in range(10)
    )
    (folder / "batches.meta").write_bytes(meta + b"es.")
    archive = pack(folder, server.folder / "cifar-10-python.tar.gz")
    sums = [[file.name, _md5(file)] for file in sorted(folder.iterdir())]
    cifar = datasets.CIFAR10
    monkeypatch.setattr(cifar, "url", server.url + archive.name)
    monkeypatch.setattr(cifar, "tgz_md5", _md5(archive))
    monkeypatch.setattr(cifar, "train_list", [s for s in sums if s[0].startswith("data_")])
    monkeypatch.setattr(cifar, "test_list", [s for s in sums if s[0] == "test_batch"])
    monkeypatch.setattr(cifar, "meta", {**cifar.meta, "md5": _md5(folder / "batches.meta")})


def test_a_failed_download_is_tried_again_and_gives_the_usual_bytes(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, prepared: Prepared
) -> None:
    data = tiny()
    _serve_cifar10(server, data, monkeypatch)
    server.failures = 1
    info, content = prepared(source="torchvision", path=str(tmp_path / "downloaded"))
    assert server.requests == 3, "one refused; then torchvision asks twice, once for redirects"
    batches = server.folder / "cifar-10-batches-py"
    again, images = prepared(source="archive", path=str(batches))
    assert (again["hash"], images) == (info["hash"], content)
    prepared(source="torchvision", path=str(tmp_path / "downloaded"))
    assert server.requests == 3, "what is on disk must not be downloaded again"


def test_the_default_folder_is_below_the_working_directory(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, prepared: Prepared
) -> None:
    _serve_cifar10(server, tiny(), monkeypatch)
    monkeypatch.chdir(tmp_path)
    prepared(source="torchvision")
    assert (tmp_path / "data" / "cifar10" / "cifar-10-batches-py" / "test_batch").is_file()


def test_a_wrong_checksum_ends_in_one_line(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, complaint: Complaint
) -> None:
    _serve_cifar10(server, tiny(), monkeypatch)
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", "0" * 32)
    line = complaint(source="torchvision", path=str(tmp_path / "downloaded"))
    assert line.startswith("CIFAR-10: not downloaded")
    assert "after 3 attempts" in line
    assert "dataset.path" in line
    assert server.requests == 6


def test_no_network_ends_in_one_line(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, complaint: Complaint
) -> None:
    _serve_cifar10(server, tiny(), monkeypatch)
    monkeypatch.setattr(datasets.CIFAR10, "url", "http://127.0.0.1:9/cifar-10-python.tar.gz")
    line = complaint(source="torchvision", path=str(tmp_path / "downloaded"))
    assert "source: sample" in line


def test_a_folder_that_cannot_be_written_is_named_at_once(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, complaint: Complaint
) -> None:
    _serve_cifar10(server, tiny(), monkeypatch)
    (tmp_path / "file").write_text("in the way")
    line = complaint(source="torchvision", path=str(tmp_path / "file"))
    assert line.startswith(f"{tmp_path / 'file'}: cannot store CIFAR-10 there")
    assert server.requests == 0


def test_fashion_mnist_is_padded_and_replicated(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    labels = np.arange(20) % 10
    resources = []
    for prefix in ("train", "t10k"):
        for kind, array in (("images-idx3", grey), ("labels-idx1", labels)):
            file = idx_gz(server.folder / f"{prefix}-{kind}-ubyte.gz", array)
            resources.append((file.name, _md5(file)))
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", [server.url])
    monkeypatch.setattr(datasets.FashionMNIST, "resources", resources)
    raw = download.read_torchvision("fashion_mnist", str(tmp_path / "downloaded"))
    assert raw.train.images.shape == (20, 32, 32, 3)
    assert (raw.train.images[:, 2:30, 2:30] == grey[..., None]).all()
    assert raw.train.images.sum(dtype=int) == 3 * grey.sum(dtype=int)
    assert (raw.test.labels == labels).all()


def test_svhn_keeps_its_axes_and_calls_zero_zero(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    savemat = pytest.importorskip("scipy.io").savemat
    data = tiny()
    splits = {}
    for split in ("train", "test"):
        images, labels = data.split(split)
        file = server.folder / f"{split}_32x32.mat"
        published = np.where(labels == 0, 10, labels).astype(np.uint8)[:, None]
        savemat(file, {"X": images.transpose(1, 2, 3, 0), "y": published})
        splits[split] = [server.url + file.name, file.name, _md5(file)]
    monkeypatch.setattr(datasets.SVHN, "split_list", {**datasets.SVHN.split_list, **splits})
    raw = download.read_torchvision("svhn", str(tmp_path / "downloaded"))
    assert (raw.train.images == data.train_images).all()
    assert (raw.test.labels == data.test_labels).all()
