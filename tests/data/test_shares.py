from __future__ import annotations

import pytest

from pj2.data.shares import check_class_sizes, class_shares
from pj2.errors import UserError


def test_shares_add_up_and_go_to_the_greatest_remainders() -> None:
    assert class_shares([34, 33, 33], 20) == [7, 7, 6]
    assert class_shares([5, 15], 2) == [1, 1]
    assert class_shares([15, 5], 2) == [2, 0], "of equal remainders the first class comes first"


@pytest.mark.parametrize(
    ("counts", "fraction", "remedies"),
    [
        ({"dog": 100, "cat": 3}, 0.1, {"cat": "more images of class cat are needed, or a higher"}),
        ({"dog": 100, "cat": 2}, 0.9, {"cat": "more images of class cat are needed, or a lower"}),
        ({"dog": 100, "cat": 1}, 0.1, {"cat": "more images of class cat are needed"}),
    ],
)
def test_a_class_that_is_too_small_is_named_with_the_remedy(counts, fraction, remedies) -> None:
    info = {"classes": list(counts), "per_class": {"train": counts}}
    with pytest.raises(UserError) as caught:
        check_class_sizes(info, [0.5 if min(counts.values()) > 1 else fraction, fraction])
    (line,) = caught.value.problems
    (name,) = remedies
    assert f"class {name} would give" in line
    assert remedies[name] in line


def test_classes_are_taken_in_the_order_of_their_labels() -> None:
    """As in training, whatever order the file has them in."""
    info = {"classes": ["b", "a"], "per_class": {"train": {"a": 15, "b": 5}}}
    check_class_sizes(info, [0.1])
    with pytest.raises(UserError, match="class b"):
        check_class_sizes({**info, "classes": ["a", "b"]}, [0.1])
