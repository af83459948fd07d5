"""Digests of Python source that comments, docstrings and layout do not change.

``ast.dump`` differs between Python versions and sees docstrings, so the tree
is written out here: node types and those fields that decide what code does.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

MODULE_LEVEL = "(module level)"

# `ctx` follows from where a node stands; `kind` is how a string was spelled.
_IGNORED_FIELDS = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_SCOPES = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def source_digests(path: Path) -> dict[str, str]:
    """Return the digest of every part of a source file.

    The parts are named for people: ``function f``, ``class C``,
    ``method C.f``, and "(module level)" for the statements outside them. Two
    files have equal digests if and only if they differ in comments,
    docstrings, layout or the order of their functions at most.

    Raises SyntaxError if the file is not valid Python.
    """
    tree = ast.parse(path.read_bytes(), str(path))
    parts: dict[str, list[str]] = {}
    loose: list[ast.stmt] = []
    for node in _without_docstring(tree.body):
        if isinstance(node, _FUNCTIONS):
            parts.setdefault(f"function {node.name}", []).append(_text(node))
        elif isinstance(node, ast.ClassDef):
            body = _without_docstring(node.body)
            for method in body:
                if isinstance(method, _FUNCTIONS):
                    name = f"method {node.name}.{method.name}"
                    parts.setdefault(name, []).append(_text(method))
            rest = [child for child in body if not isinstance(child, _FUNCTIONS)]
            shell = [
                node.name,
                *map(_text, node.bases),
                *map(_text, node.keywords),
                *map(_text, node.decorator_list),
                *map(_text, rest),
            ]
            parts.setdefault(f"class {node.name}", []).append("\n".join(shell))
        else:
            loose.append(node)
    parts[MODULE_LEVEL] = [_text(node) for node in loose]
    return {name: _digest("\n".join(texts)) for name, texts in sorted(parts.items())}


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest
    return body


def _text(node: object) -> str:
    """Write a node out, the same on every Python that parses it to the same tree."""
    if isinstance(node, list):
        return f"[{','.join(map(_text, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = []
    for name in sorted(node._fields):
        value = getattr(node, name, None)
        if name == "body" and isinstance(node, _SCOPES):
            value = _without_docstring(node.body)
        # An empty field is left out: newer Pythons add fields (type_params) that are empty.
        if name not in _IGNORED_FIELDS and value not in (None, []):
            fields.append(f"{name}={_text(value)}")
    if isinstance(node, ast.Constant):
        fields = [f"value={node.value!r}"]
    return f"{type(node).__name__}({','.join(fields)})"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
