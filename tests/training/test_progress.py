"""A bar on a terminal, one line per epoch elsewhere, and a file."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from pj2.runs.files import EpochRecord, StepRecords
from pj2.runs.metrics import Sink
from pj2.runs.progress_file import ProgressFile, read_progress
from pj2.training.observers import Step
from pj2.training.progress import Meter, terminal
from tests.helpers.small_run import small_settings

ROW = EpochRecord(0, 1.5, 0.4, 1.6, 0.41, None, None, 2.0, 300.0)


class Loss:
    """A loss on a device, which counts how often it is read."""

    def __init__(self, value: float) -> None:
        self.value, self.reads = value, 0

    def item(self) -> float:
        self.reads += 1
        return self.value


def step(index: int, loss: Loss, images: int = 32) -> Step:
    return Step(index, 0, loss, None, range(images), None)


class Seen(Sink):
    def __init__(self) -> None:
        self.seen = []

    def log(self, metrics, step) -> None:
        self.seen.append((step, metrics))


def test_lines_off_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    with terminal(small_settings(epochs=2)) as shown:
        meter = Meter([shown], 2, 10)
        meter.on_step(step(0, Loss(2.3)))
        meter.on_epoch(StepRecords.none(), ROW)
    captured = capsys.readouterr()
    assert captured.out == (
        "BasicCNN lr=0.001 seed=0 · epoch 1/2 · train loss 1.5000 · val loss 1.6000 acc 41.00% · "
        "300 images/s · 2.0 s\n"
    )
    assert captured.err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_bar_on_a_terminal():
    code = (
        "from pj2.config.study import RunSettings\n"
        "from pj2.training.progress import terminal\n"
        "settings = RunSettings(model='VGG_A', learning_rate=1e-3, seed=0)\n"
        "with terminal(settings) as shown:\n"
        "    shown.log({'steps': 10, 'step/loss': 2.25, 'pace': 99.0}, 4)\n"
        "    shown.log({'steps': 10, 'val_accuracy': 0.5}, 10)\n"
    )
    controller, other = pty.openpty()
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm"}
    process = subprocess.Popen([sys.executable, "-c", code], stderr=other, env=environment)
    os.close(other)
    shown = b""
    while True:
        try:
            piece = os.read(controller, 4096)
        except OSError:  # Linux's way to say that the other side is closed
            break
        if not piece:
            break
        shown += piece
    assert process.wait() == 0
    text = shown.decode()
    for part in ("VGG_A", "10/10", "loss 2.250", "val acc 50.00%", "99 images/s"):
        assert part in text


def test_the_file_says_where_a_run_is(tmp_path, monkeypatch):
    times = iter([10.0, 10.0, 14.0, 14.0, 18.0])
    monkeypatch.setattr("pj2.training.progress.time.perf_counter", times.__next__)
    path = tmp_path / "logs" / "p.json"
    meter = Meter([ProgressFile(path, 2)], 2, steps_per_epoch=4)
    meter._due = lambda: True
    meter.on_step(step(0, Loss(2.5)))
    first = read_progress(path)
    assert (first.epoch, first.step, first.steps, first.loss) == (1, 0, 8, 2.5)
    assert (first.images_per_second, first.seconds_left) == (None, None)
    meter._due = lambda: False
    meter.on_step(step(1, Loss(2.4)))
    meter._due = lambda: True
    meter.on_step(step(2, Loss(float("nan"))))
    second = read_progress(path)
    assert (second.step, second.loss, second.images_per_second) == (2, None, 16.0)  # 64 in 4 s
    assert second.seconds_left == 12.0  # 6 steps, at 2 steps in 4 s
    meter.on_epoch(StepRecords.none(), ROW)
    third = read_progress(path)
    assert (third.epoch, third.step, third.val_accuracy, third.loss) == (1, 4, 0.41, 1.5)
    assert third.images_per_second == 300.0
    assert third.seconds_left == 8.0  # with the evaluation: 4 steps, at 4 steps in 8 s
    assert [each.name for each in path.parent.iterdir()] == ["p.json"]


def test_a_loss_is_read_and_told_every_second_only():
    """On a GPU its reading waits until the device is there."""
    sink, loss = Seen(), Loss(2.5)
    meter = Meter([sink], 1, steps_per_epoch=1000)
    for index in range(1000):
        meter.on_step(step(index, loss))
    assert 1 <= loss.reads == len(sink.seen) < 50
