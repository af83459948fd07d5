from __future__ import annotations

from pj2.wording import named, rates


def test_few_learning_rates_are_listed_and_many_are_a_range() -> None:
    assert rates(["0.01", "1e-05", "0.001"]) == "1e-05, 0.001, 0.01"
    many = [f"{i}e-05" for i in range(1, 10)]
    assert rates(reversed(many)) == "1e-05 to 9e-05 (9 rates)"


def test_a_long_list_names_some_and_counts_the_others() -> None:
    assert named(["a", "b"]) == "a; b"
    assert named(list("abcdef")) == "a; b; c; d; e; f"
    assert named(list("abcdefg"), ", ") == "a, b, c, d, e, and 2 more"
    assert named([]) == ""
