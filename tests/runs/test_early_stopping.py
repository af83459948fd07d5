from __future__ import annotations

from pj2.runs.early_stopping import EarlyStopping


def test_patience_counts_epochs_without_a_better_one():
    stopping = EarlyStopping(patience=2)
    assert [stopping.update(epoch, value) for epoch, value in enumerate([0.5, 0.6, 0.6])] == [
        True,
        True,
        False,  # a tie keeps the earlier epoch
    ]
    assert not stopping.should_stop
    stopping.update(3, 0.55)
    assert stopping.should_stop
    assert (stopping.best_epoch, stopping.best_value) == (1, 0.6)


def test_without_patience_the_budget_is_used():
    stopping = EarlyStopping(patience=None)
    for epoch in range(100):
        stopping.update(epoch, 0.1)
    assert not stopping.should_stop
