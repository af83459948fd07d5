"""The words of figures and of the report, in the language that the reader chose."""

from pj2.language.catalogue import language, said, tr, tr_sentences, use_language

__all__ = ["language", "said", "tr", "tr_sentences", "use_language"]
