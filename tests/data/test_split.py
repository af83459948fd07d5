from __future__ import annotations

import pytest
import torch

from pj2.data.split import stratified_split
from pj2.errors import UserError

LABELS = torch.arange(200) % 10


def test_split_is_stratified_complete_and_always_the_same():
    train, validation = stratified_split(LABELS, 0.1)
    assert torch.bincount(LABELS[validation]).tolist() == [2] * 10
    assert sorted([*train.tolist(), *validation.tolist()]) == list(range(200))
    again = stratified_split(LABELS, 0.1)
    assert torch.equal(train, again[0])
    assert torch.equal(validation, again[1])


def test_a_split_that_leaves_a_class_out_is_named():
    with pytest.raises(UserError, match=r"validation_fraction: 0\.01 of 200 training images"):
        stratified_split(LABELS, 0.01)
