"""A user's new model, and its first test."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from pj2.config.catalogue import MODELS
from pj2.errors import UserError
from pj2.scaffold.files import checkout, fill, write_new

_CAMEL = re.compile(r"[A-Z][A-Za-z0-9]*")
_LONGEST = 40
_WORDS = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+")


def write_model(name: str) -> tuple[Path, Path]:
    """Write a small CNN under `name` into the clone, and its test; return both paths.

    Paths are relative to the working directory if they lie in it. Raises UserError for a name
    that is not CamelCase, or that a model or a file has already.
    """
    root = checkout()
    known = {each.lower(): each for each in MODELS.modules()}
    if name.lower() in known:
        taken = known[name.lower()]
        raise UserError(f"{name}: there is a model {taken}, in {MODELS.modules()[taken]}")
    if not _CAMEL.fullmatch(name) or len(name) > _LONGEST:
        raise UserError(
            f"{name}: a model's name is in CamelCase, letters and digits, at most {_LONGEST}; "
            f"for example {camel_case(name)[:_LONGEST]}"
        )
    snake = snake_case(name)
    if keyword.iskeyword(snake):
        raise UserError(f"{name}: {snake} is a word of Python; for example {name}Net")
    module, test = Path("pj2", "models", f"{snake}.py"), Path("tests", "models", f"test_{snake}.py")
    write_new(
        {
            root / module: fill("model.py.txt", name=name),
            root / test: fill("test_model.py.txt", name=name),
        }
    )
    return _shown(root / module), _shown(root / test)


def snake_case(name: str) -> str:
    """Return ``wide_cnn2`` for ``WideCNN2``."""
    return "_".join(_WORDS.findall(name)).lower()


def camel_case(text: str) -> str:
    """Return the CamelCase form of a text: ``WideCnn`` for ``wide-cnn``."""
    words = re.findall(r"[A-Za-z0-9]+", text)
    joined = "".join(word[0].upper() + word[1:] for word in words).lstrip("0123456789")
    return joined[:1].upper() + joined[1:] or "MyNet"


def _shown(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
