"""A YAML reader that refuses what YAML 1.1 reads in unexpected ways.

PyYAML, and so Snakemake, reads YAML 1.1: of two equal keys the last one counts, ``010`` is 8,
and ``1:30`` is 90. Here each of these is an error that names its line.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node, ScalarNode

from pj2.errors import UserError

_TAG = "tag:yaml.org,2002:"
_OCTAL_OR_BASE_60 = re.compile(r"[-+]?(0[0-9_]+|[0-9_]+(:[0-9_.]+)+)")


class _Refusal(ConstructorError):
    """Valid YAML that is refused because it is ambiguous or not a setting."""

    def __init__(self, node: Node, reason: str) -> None:
        super().__init__(None, None, reason, node.start_mark)


class _Loader(yaml.SafeLoader):
    """Constructs strings, numbers, booleans, lists and mappings, and no other YAML types."""

    yaml_constructors = {
        _TAG + kind: yaml.SafeLoader.yaml_constructors[_TAG + kind]
        for kind in ("str", "bool", "null", "seq", "map")
    } | {None: yaml.SafeLoader.construct_undefined}

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        try:
            # deep=True: PyYAML then refuses a value that contains itself.
            value = super().construct_object(node, deep=True)
            if isinstance(value, str):
                value.encode()  # fails for half of a surrogate pair
        except yaml.YAMLError:
            raise
        except Exception as error:  # a conversion may raise anything
            raise _Refusal(node, f"cannot be read: {error}") from None
        return value

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == f"{_TAG}merge":
                continue
            key = self.construct_object(key_node)
            if isinstance(key, list | dict):
                raise _Refusal(key_node, "a key is one word, not a list or a mapping")
            if key in lines:
                reason = f"the key {key_node.value} is already in line {lines[key]}; keep one"
                raise _Refusal(key_node, reason)
            lines[key] = key_node.start_mark.line + 1
        return super().construct_mapping(node, deep=True)

    def construct_number(self, node: ScalarNode) -> Any:
        text = str(self.construct_scalar(node))
        value = yaml.SafeLoader.yaml_constructors[node.tag](self, node)
        if _OCTAL_OR_BASE_60.fullmatch(text):
            reason = f"{text} is {value} to YAML 1.1; write a decimal number, or quote a text"
            raise _Refusal(node, reason)
        return value


_Loader.yaml_constructors |= {
    f"{_TAG}int": _Loader.construct_number,
    f"{_TAG}float": _Loader.construct_number,
    f"{_TAG}timestamp": yaml.SafeLoader.construct_yaml_str,  # no setting is a date
}


def read_yaml(path: str | os.PathLike[str]) -> Any:
    """Read a YAML file. Raises UserError, naming the place, if that cannot be done."""
    try:
        return yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: is not UTF-8 text; a config is a YAML file") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}{_reason(error)}") from None
    except (RecursionError, OverflowError):
        raise UserError(f"{path}: not valid YAML: nested too deeply, or a bad character") from None


def read_word(word: str) -> Any:
    """Return the value of an unquoted word in YAML, such as a number. Raises UserError."""
    loader = _Loader("")
    tag: str = loader.resolve(ScalarNode, word, (True, False))  # type: ignore[no-untyped-call]
    node = ScalarNode(tag, word)
    try:
        return loader.construct_object(node)
    except yaml.YAMLError as error:
        raise UserError(f"--config{_reason(error)}") from None


def _reason(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    kind = "" if isinstance(error, _Refusal) else "not valid YAML: "
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    return f"{place}: {kind}{reason}"
