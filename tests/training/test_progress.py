"""A bar on a terminal, one line per epoch elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from pj2.runs.files import EpochRecord
from pj2.runs.progress_file import ProgressFile, read_progress
from pj2.training.job import _LossOnDevice
from pj2.training.observers import Step
from pj2.training.progress import Reporter

ROW = EpochRecord(0, 1.5, 0.4, 1.6, 0.41, None, None, 2.0, 300.0)


def test_lines_off_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    with Reporter("VGG_A", epochs=2) as reporter:
        reporter.on_step(0, 1, 10, 32, 2.3)
        reporter.on_epoch(ROW)
    captured = capsys.readouterr()
    assert captured.out == (
        "VGG_A · epoch 1/2 · train loss 1.5000 · val loss 1.6000 acc 41.00% · "
        "300 images/s · 2.0 s\n"
    )
    assert captured.err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_bar_on_a_terminal():
    code = (
        "import time\n"
        "from pj2.training.progress import Reporter\n"
        "with Reporter('VGG_A', epochs=1) as reporter:\n"
        "    for done in range(1, 11):\n"
        "        reporter.on_step(0, done, 10, 32 * done, 2.25)\n"
        "        time.sleep(0.05)\n"
    )
    controller, terminal = pty.openpty()
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm"}
    process = subprocess.Popen([sys.executable, "-c", code], stderr=terminal, env=environment)
    os.close(terminal)
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
    for part in ("VGG_A", "10/10", "loss 2.250", "images/s"):
        assert part in text


def test_the_file_says_where_a_run_is(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "pj2.training.progress.time.perf_counter", iter([10.0, 12.0, 16.0]).__next__
    )
    monkeypatch.setattr(Reporter, "line", lambda self, text: None)
    reporter = Reporter("VGG_A", 2, ProgressFile(tmp_path / "logs" / "p.json", 2))
    reporter._file_is_due = lambda: True
    reporter.on_step(0, 1, 4, 32, 2.5)
    first = read_progress(tmp_path / "logs" / "p.json")
    assert (first.epoch, first.step, first.steps, first.loss) == (1, 1, 8, 2.5)
    assert (first.images_per_second, first.seconds_left) == (None, None)
    reporter.on_step(0, 3, 4, 96, float("nan"))
    second = read_progress(tmp_path / "logs" / "p.json")
    assert (second.step, second.loss, second.images_per_second) == (3, None, 32.0)  # 64 in 2 s
    assert second.seconds_left == 5.0  # 5 steps, at 2 steps in 2 s
    reporter.on_epoch(ROW)
    third = read_progress(tmp_path / "logs" / "p.json")
    assert (third.epoch, third.step, third.val_accuracy, third.loss) == (1, 4, 0.41, 1.5)
    assert third.seconds_left == 8.0  # with the evaluation: 4 steps, at 3 steps in 6 s
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["p.json"]


def test_the_file_is_not_written_at_every_step(tmp_path):
    file = ProgressFile(tmp_path / "p.json", 1)
    written = []
    file.write = lambda **changes: written.append(changes)
    reporter = Reporter("VGG_A", 1, file)
    for done in range(1, 1001):
        reporter.on_step(0, done, 1000, done, 1.0)
    assert 1 <= len(written) < 50


def test_a_loss_on_a_gpu_is_waited_for_every_few_seconds_only():
    class Loss:
        reads = 0

        def item(self):
            self.reads += 1
            return 2.5

    loss, look = Loss(), _LossOnDevice()
    for index in range(1000):
        look.on_step(Step(index, 0, loss, None, None, None))
    assert look.loss == 2.5
    assert 1 <= loss.reads < 50
