"""A bar on a terminal, one line per epoch elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from pj2.training.artifacts import EpochRecord
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
