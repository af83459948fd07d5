"""Finds the models, optimizers, losses and quantities that a config may name, in their source.

The configuration needs their names and options, but must not import torch. Each of them
registers itself with ``@register("name")``, and its options are the arguments of its
constructor. `Catalogue` reads both from the syntax tree, so a new model takes one file, and
a name maps to the one module that a run of it imports.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from pj2.config.names import NAME_RULE, as_number, is_name
from pj2.errors import UserError

ACTIVATIONS = ("relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid")
_Number = Annotated[float, BeforeValidator(as_number), Field(allow_inf_nan=False)]
# The valid values, by the annotation of the argument (pj2.registry, pj2.models.options).
_KINDS: dict[str, tuple[Any, str]] = {
    "bool": (Annotated[bool, Field(strict=True)], "true or false"),
    "int": (Annotated[int, Field(strict=True)], "a whole number"),
    "float": (_Number, "a number"),
    "str": (Annotated[str, Field(strict=True)], "a text"),
    "Activation": (Literal[ACTIVATIONS], " | ".join(ACTIVATIONS)),
    "NonNegative": (Annotated[_Number, Field(ge=0)], "a number of at least 0"),
    "Probability": (Annotated[_Number, Field(ge=0, lt=1)], "at least 0 and below 1"),
    "Width": (Annotated[_Number, Field(gt=0)], "a number above 0"),
}
_reader = cache(TypeAdapter[Any])


@dataclass(frozen=True)
class Option:
    """An argument of a constructor: the name of its annotation, and its default."""

    kind: str
    default: Any

    def read(self, value: object) -> Any:
        """Return a value of the config, converted to the option's type.

        Raises ValueError, saying what would be right.
        """
        kind, words = _KINDS.get(self.kind, _KINDS["str"])
        try:
            return _reader(kind).validate_python(value)
        except ValidationError:
            raise ValueError(f"expected {words}") from None


@dataclass(frozen=True)
class Catalogue:
    """The definitions that the modules of a package register.

    Args:
        kind: what one of them is called.
        package: the name of the package.
        folder: the package's folder.
    """

    kind: str
    package: str
    folder: Path

    @cache  # noqa: B019, there are few, and they live as long as the process
    def modules(self) -> dict[str, str]:
        """Return ``{name: module name}`` of all definitions.

        Raises UserError for a file that is not Python, or that registers a name which another
        one has or which cannot name a folder.
        """
        modules: dict[str, str] = {}
        for path in sorted(self.folder.glob("*.py")):
            source = path.read_text(encoding="utf-8")
            if "@register" not in source:
                continue
            module = f"{self.package}.{path.stem}"
            for name in _registered(_parse(path, source)):
                if not is_name(name):
                    raise UserError(f"{path}: {self.kind} {name!r}: a name is {NAME_RULE}")
                if name in modules:
                    both = f"{modules[name]} and by {module}"
                    raise UserError(f"{path}: {self.kind} {name} is registered by {both}")
                modules[name] = module
        return modules

    @cache  # noqa: B019
    def options(self, name: str) -> dict[str, Option]:
        """Return the arguments with a default of the definition registered as `name`."""
        start, definitions = self._definition(name)
        return _options(start, definitions) if start else {}

    def docstring(self, name: str) -> str:
        """Return the docstrings of a definition and of its bases.

        The lists of arguments are left out; see `options`.
        """
        node, definitions = self._definition(name)
        parts: list[str] = []
        while isinstance(node, ast.ClassDef | ast.FunctionDef):
            text = (ast.get_docstring(node) or "").partition("\nArgs:\n")[0].strip()
            parts.append(f"{node.name}: {text}" if parts else text)
            node = _base(node, definitions)
        return "\n\n".join(parts)

    def _definition(self, name: str) -> tuple[ast.stmt | None, dict[str, ast.stmt]]:
        """Return the definition registered as `name`, and all definitions of the files by name."""
        definitions: dict[str, ast.stmt] = {}
        start = None
        for path in sorted(self.folder.glob("*.py")):
            for node in _parse(path, path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef | ast.FunctionDef):
                    definitions[node.name] = node
                    if name in _registered(ast.Module([node], [])):
                        start = node
        return start, definitions


_PACKAGE = Path(__file__).resolve().parents[1]
MODELS = Catalogue("model", "pj2.models", _PACKAGE / "models")
OPTIMIZERS = Catalogue("optimizer", "pj2.training.optimizers", _PACKAGE / "training/optimizers")
LOSSES = Catalogue("loss", "pj2.training.losses", _PACKAGE / "training/losses")
QUANTITIES = Catalogue("quantity", "pj2.training.quantities", _PACKAGE / "training/quantities")


def resolved_options(model: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that differ from the defaults of `model`, each converted to its type.

    Raises ValueError, naming the option, if the model does not have it or its
    value is not valid.
    """
    known = MODELS.options(model)
    chosen = {}
    for name, value in given.items():
        if name not in known:
            has = f"its options are {', '.join(known)}" if known else "it has none"
            raise ValueError(f"architecture.{name}: {model} has no such option; {has}")
        try:
            chosen[name] = known[name].read(value)
        except ValueError as error:
            raise ValueError(f"architecture.{name}: found {value!r}; {error}") from None
    return {name: value for name, value in chosen.items() if value != known[name].default}


def _parse(path: Path, source: str) -> ast.Module:
    """Return the syntax tree of a file. Raises UserError, naming the line, if it is not Python."""
    try:
        return ast.parse(source, str(path))
    except SyntaxError as error:
        raise UserError(f"{path}, line {error.lineno}: not Python: {error.msg}") from None


def _options(node: ast.stmt | None, definitions: Mapping[str, ast.stmt]) -> dict[str, Option]:
    """Return the options of a function or class; a class may inherit its constructor."""
    if isinstance(node, ast.ClassDef):
        for child in node.body:
            if isinstance(child, ast.FunctionDef) and child.name == "__init__":
                return _arguments(child)
        return _options(_base(node, definitions), definitions)
    return _arguments(node) if isinstance(node, ast.FunctionDef) else {}


def _base(node: ast.stmt, definitions: Mapping[str, ast.stmt]) -> ast.stmt | None:
    """Return the definition of a class's first base that is among `definitions`."""
    bases = node.bases if isinstance(node, ast.ClassDef) else []
    names = [base.id for base in bases if isinstance(base, ast.Name)]
    return next(filter(None, map(definitions.get, names)), None)


def _arguments(function: ast.FunctionDef) -> dict[str, Option]:
    arguments = function.args
    positional = arguments.args[len(arguments.args) - len(arguments.defaults) :]
    pairs = [
        *zip(positional, arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    return {
        argument.arg: Option(ast.unparse(argument.annotation), ast.literal_eval(default))
        for argument, default in pairs
        if argument.arg != "num_classes" and argument.annotation and default
    }


def _registered(tree: ast.Module) -> list[str]:
    names = []
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            match decorator:
                case ast.Call(func=ast.Name(id="register"), args=[ast.Constant(value=str(name))]):
                    names.append(name)
    return names
