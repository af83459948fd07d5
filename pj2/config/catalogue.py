"""Which models exist, read from the source of `pj2/models` without importing it.

The configuration must know the valid model names, but it sits below torch.
A model registers itself with ``@register("Name")``; that decorator is found
here in the syntax tree, so adding a model stays one file, and a name maps to
the one module that a run of that model imports.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

MODELS_FOLDER = Path(__file__).resolve().parents[1] / "models"


@cache
def model_modules(folder: Path = MODELS_FOLDER) -> dict[str, str]:
    """Return ``{model name: module name}`` for every registered model.

    Raises ValueError if two files register the same name.
    """
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "@register" not in source:
            continue
        module = f"pj2.models.{path.stem}"
        for name in _registered(ast.parse(source, str(path))):
            if name in found:
                raise ValueError(f"model {name} is registered by {found[name]} and by {module}")
            found[name] = module
    return found


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
