import pytest

from pj2.language import language, tr, tr_sentences, use_language


@pytest.fixture(autouse=True)
def english():
    yield
    use_language("en")


def test_english_is_the_text_itself_with_its_fields_filled():
    use_language("en")
    assert tr("a {{ stays") == "a {{ stays"
    assert tr("{n} seeds", n=3) == "3 seeds"


def test_a_sentence_without_a_translation_stays_english():
    use_language("zh")
    assert language() == "zh"
    assert tr("no translation of {what} exists", what="this") == "no translation of this exists"


def test_sentences_are_found_in_a_text_whatever_fills_them():
    """A table's caption: one sentence after another, as it was written in English."""
    pairs = (
        "The 5 most frequent mistakes on the test set, true → predicted; of several seeds the mean "
        "number of images ± its standard deviation."
    )
    shown = (
        "Each model is shown at its learning rate with the best validation accuracy, the mean over "
        "seeds (VGG_A: lr 0.001, seed 0)."
    )
    assert tr_sentences(f"{pairs} {shown}") == f"{pairs} {shown}"
    use_language("zh")
    text = tr_sentences(f"{pairs} {shown} And something else.")
    assert text.startswith("测试集上最常见的 5 种错误")
    assert "数值为各种子的均值（VGG_A: lr 0.001, seed 0）。" in text
    assert text.endswith("And something else.")
