"""Asked to stop, once and again."""

from __future__ import annotations

import os
import signal

import pytest

from pj2.runs.interrupt import InterruptFlag


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_scheduler_may_repeat_itself_and_a_user_is_obeyed(first):
    before = signal.getsignal(signal.SIGINT)
    with InterruptFlag() as interrupted:
        assert not interrupted()
        os.kill(os.getpid(), first)
        assert interrupted()
        os.kill(os.getpid(), signal.SIGTERM)  # would have ended the tests
        assert interrupted()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) == before
