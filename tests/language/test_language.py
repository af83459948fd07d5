import pytest

from pj2.language import in_language, language, said, tr, use_language


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


def test_a_language_is_spoken_for_a_while():
    with in_language("zh"), in_language("en"):
        assert tr("{n} seeds", n=3) == "3 seeds"
    with in_language("zh"):
        assert tr(said("{n} seeds"), n=3) == "3 个种子"
    assert language() == "en"
