"""Digests of Python source that comments, docstrings and layout do not change.

``ast.dump`` differs between Python versions and includes docstrings, so `_text`
writes the tree itself: node types and the fields that decide what code does.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Sequence

MODULE_LEVEL = "(module level)"

# `ctx` follows from where a node stands; `kind` is how a string was spelled.
_IGNORED_FIELDS = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def source_digests(source: bytes, name: str = "<source>") -> dict[str, str]:
    """Return the digest of every part of a source file.

    The parts are named for people: ``function f``, ``class C``,
    ``method C.f``, and "(module level)" for the statements outside them. Two
    files have equal digests if and only if they differ at most in comments,
    docstrings, layout, statements that do nothing and the order of their
    functions and classes.

    Args:
        source: the file's bytes.
        name: the file's name in a SyntaxError, raised if it is not valid Python.
    """
    tree = ast.parse(source, name)
    parts: dict[str, list[str]] = {}
    loose: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, _FUNCTIONS):
            parts.setdefault(f"function {node.name}", []).append(_text(node))
        elif isinstance(node, ast.ClassDef):
            methods = [child for child in node.body if isinstance(child, _FUNCTIONS)]
            for method in methods:
                parts.setdefault(f"method {node.name}.{method.name}", []).append(_text(method))
            node.body = [child for child in node.body if child not in methods]
            parts.setdefault(f"class {node.name}", []).append(_text(node))
        else:
            loose.append(node)
    parts[MODULE_LEVEL] = [_text(loose)]
    return {name: _digest("\n".join(texts)) for name, texts in sorted(parts.items())}


def _text(node: object) -> str:
    """Return a node as text, equal on all Pythons that parse it to the same tree."""
    if isinstance(node, list):
        return f"[{','.join(_text(item) for item in node if not _does_nothing(item))}]"
    if not isinstance(node, ast.AST):
        return ascii(node)  # repr depends on the Unicode tables of the running Python
    if isinstance(node, ast.Constant):
        return f"Constant({node.value!a})"
    fields = []
    for name in sorted(node._fields):
        value = getattr(node, name, None)
        if isinstance(node, ast.JoinedStr):
            value = _joined(node.values)
        # An empty field is left out: newer Pythons add fields (type_params) that are empty.
        if name not in _IGNORED_FIELDS and value not in (None, []):
            fields.append(f"{name}={_text(value)}")
    return f"{type(node).__name__}({','.join(fields)})"


def _does_nothing(node: object) -> bool:
    """Tell whether a node is ``pass``, ``...``, a docstring, or a string below an attribute."""
    match node:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
    return False


def _joined(values: Sequence[ast.expr]) -> list[ast.expr]:
    """Return an f-string's parts with adjacent texts joined: Pythons split them differently."""
    parts: list[ast.expr] = []
    for value in values:
        match parts[-1:], value:
            case _, ast.Constant(value=""):
                pass
            case [ast.Constant(value=str(before))], ast.Constant(value=str(after)):
                parts[-1] = ast.Constant(before + after)
            case _:
                parts.append(value)
    return parts


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
