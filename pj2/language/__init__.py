"""The words of figures, tables and the report, in the language that the reader chose."""

from pj2.language.catalogue import html_language, in_language, language, said, tr, use_language

__all__ = ["html_language", "in_language", "language", "said", "tr", "use_language"]
