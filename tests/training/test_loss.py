"""The training losses, against their formulas."""

from __future__ import annotations

import pytest
import torch

from pj2.config.schema import LossConfig
from pj2.training.loss import loss_function

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.0, 3.0]])
LABELS = torch.tensor([0, 1])


def test_cross_entropy_with_label_smoothing():
    found = loss_function(LossConfig(label_smoothing=0.3))(LOGITS, LABELS)
    target = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    expected = -(target * LOGITS.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(found, expected)


def test_squared_error_is_the_brier_like_distance_of_the_logits():
    found = loss_function(LossConfig(name="squared_error"))(LOGITS, LABELS)
    assert found.item() == pytest.approx((1 + 1 + 0.25 + 0 + 0 + 9) / 6)


def test_multi_margin_is_the_hinge_over_the_other_classes():
    found = loss_function(LossConfig(name="multi_margin"))(LOGITS, LABELS)
    # Image 0: its own 2 beats the others by more than 1. Image 1: 1 − 1 + 0 and 1 − 1 + 3.
    assert found.item() == pytest.approx(((0 + 0) + (0 + 3)) / 3 / 2)


def test_smoothing_belongs_to_cross_entropy():
    with pytest.raises(ValueError, match="no option of multi_margin"):
        LossConfig(name="multi_margin", label_smoothing=0.1)
