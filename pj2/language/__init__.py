"""The words of figures and of the report, in the language that the reader chose."""

from pj2.language.catalogue import (
    html_language,
    in_language,
    language,
    said,
    tr,
    tr_sentences,
    use_language,
)

__all__ = ["html_language", "in_language", "language", "said", "tr", "tr_sentences", "use_language"]
