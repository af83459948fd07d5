"""Which models exist and what they can be told, from the source of `pj2/models` alone.

The configuration must know the valid model names and options, but it sits below
torch. A model registers itself with ``@register("Name")``, and its options are the
arguments of its constructor; both are found here in the syntax tree, so adding a
model stays one file, and a name maps to the one module that a run of it imports.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from pj2.config.names import as_number

ACTIVATIONS = ("relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid")
_Number = Annotated[float, BeforeValidator(as_number), Field(allow_inf_nan=False)]
# What a value may be, by the annotation of the constructor's argument (pj2.models.options).
_KINDS: dict[str, tuple[Any, str]] = {
    "bool": (Annotated[bool, Field(strict=True)], "true or false"),
    "int": (Annotated[int, Field(strict=True)], "a whole number"),
    "float": (_Number, "a number"),
    "str": (Annotated[str, Field(strict=True)], "a text"),
    "Activation": (Literal[ACTIVATIONS], " | ".join(ACTIVATIONS)),
    "Probability": (Annotated[_Number, Field(ge=0, lt=1)], "at least 0 and below 1"),
    "Width": (Annotated[_Number, Field(gt=0)], "a number above 0"),
}

MODELS_FOLDER = Path(__file__).resolve().parents[1] / "models"


@cache
def model_modules(folder: Path = MODELS_FOLDER) -> dict[str, str]:
    """Return ``{model name: module name}`` for every registered model.

    Raises ValueError if two files register the same name.
    """
    modules: dict[str, str] = {}
    for path in sorted(folder.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "@register" not in source:
            continue
        module = f"pj2.models.{path.stem}"
        for name in _registered(ast.parse(source, str(path))):
            if name in modules:
                raise ValueError(f"model {name} is registered by {modules[name]} and by {module}")
            modules[name] = module
    return modules


@dataclass(frozen=True)
class Option:
    """An argument of a model's constructor: the name of its annotation, and its default."""

    kind: str
    default: Any


@cache
def model_options(model: str, folder: Path = MODELS_FOLDER) -> dict[str, Option]:
    """Return what a registered model's constructor takes besides ``num_classes``."""
    start, definitions = _definition(model, folder)
    return _options(start, definitions) if start else {}


def model_docstring(model: str, folder: Path = MODELS_FOLDER) -> str:
    """Return what the source says of a registered model, and of what it is built on.

    The lists of arguments are left out; see `model_options`.
    """
    node, definitions = _definition(model, folder)
    docstrings: list[str] = []
    while isinstance(node, ast.ClassDef | ast.FunctionDef):
        text = (ast.get_docstring(node) or "").partition("\nArgs:\n")[0].strip()
        docstrings.append(f"{node.name}: {text}" if docstrings else text)
        node = _base(node, definitions)
    return "\n\n".join(docstrings)


def resolved_options(model: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that differ from the defaults of `model`, each as its type has it.

    Raises ValueError, naming the option, for one that the model does not have
    or a value that it cannot be.
    """
    known = model_options(model)
    chosen = {}
    for name, value in given.items():
        if name not in known:
            has = f"its options are {', '.join(known)}" if known else "it has none"
            raise ValueError(f"architecture.{name}: {model} has no such option; {has}")
        kind, words = _KINDS.get(known[name].kind, _KINDS["str"])
        try:
            chosen[name] = TypeAdapter(kind).validate_python(value)
        except ValidationError:
            raise ValueError(f"architecture.{name}: found {value!r}; expected {words}") from None
    return {name: value for name, value in chosen.items() if value != known[name].default}


def _definition(model: str, folder: Path) -> tuple[ast.stmt | None, dict[str, ast.stmt]]:
    """Return what defines a registered model, and everything that the files define by name."""
    definitions: dict[str, ast.stmt] = {}
    start = None
    for path in sorted(folder.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                definitions[node.name] = node
                if model in _registered(ast.Module([node], [])):
                    start = node
    return start, definitions


def _options(node: ast.stmt | None, definitions: Mapping[str, ast.stmt]) -> dict[str, Option]:
    """Return the options of a function or class; a class may have its base's constructor."""
    if isinstance(node, ast.ClassDef):
        for child in node.body:
            if isinstance(child, ast.FunctionDef) and child.name == "__init__":
                return _arguments(child)
        return _options(_base(node, definitions), definitions)
    return _arguments(node) if isinstance(node, ast.FunctionDef) else {}


def _base(node: ast.stmt, definitions: Mapping[str, ast.stmt]) -> ast.stmt | None:
    """Return the definition of a class's first base that is one of ours."""
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
