from __future__ import annotations

import pytest
import torch
from sklearn.model_selection import train_test_split

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


@pytest.mark.parametrize("classes", [10, 7])
def test_where_shares_are_whole_it_is_scikit_learns_split(classes):
    labels = torch.randperm(classes * 40, generator=torch.Generator().manual_seed(1)) % classes
    theirs = train_test_split(range(len(labels)), test_size=0.1, stratify=labels, random_state=0)
    for mine, other in zip(stratified_split(labels, 0.1), theirs, strict=True):
        assert mine.tolist() == sorted(other)


def test_uneven_shares_are_rounded_so_that_the_total_is_right():
    labels = torch.tensor([0] * 34 + [1] * 33 + [2] * 33)
    train, validation = stratified_split(labels, 0.2)
    assert torch.bincount(labels[validation]).tolist() == [7, 7, 6]
    assert torch.bincount(labels[train]).tolist() == [27, 26, 27]


def test_no_share_leaves_all_images_to_train_on():
    train, validation = stratified_split(LABELS, 0)
    assert train.tolist() == list(range(len(LABELS)))
    assert len(validation) == 0


def test_a_split_that_leaves_a_class_out_is_named():
    with pytest.raises(UserError, match=r"validation_fraction: 0\.01 of 200 training images"):
        stratified_split(LABELS, 0.01)
