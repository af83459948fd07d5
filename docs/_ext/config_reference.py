"""The directive `config-section`: the keys of one section of config.yaml, from the schema.

Each key is a `confval`, with its type, default and docstring. A key that holds
a section links to the heading of that section's path, which the page provides.
In the Python API the schema's classes have no signature: it would be these keys again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata, OptionSpec

from pj2.config import schema
from pj2.config.registered import Registered

Schema = Mapping[str, Any]

_WORDS = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "null": "null",
    "object": "a mapping",
}
_LIMITS = {
    "at least": ("minimum", "ge"),
    "above": ("exclusiveMinimum", "gt"),
    "at most": ("maximum",),
    "below": ("exclusiveMaximum", "lt"),
}


class ConfigSection(SphinxDirective):
    """The keys of the section that a class of the schema describes."""

    required_arguments = 1
    option_spec: ClassVar[OptionSpec] = {"path": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Write the keys as Markdown, and parse that where the directive stands."""
        model = getattr(schema, self.arguments[0])
        path = self.options.get("path", "")
        lines = [*_section(model, f"{path}." if path else "")]
        if issubclass(model, Registered):
            lines += ["", *_registered(model)]
        text = "\n".join(lines)
        return self.parse_text_to_nodes(text)


def _registered(model: type[Registered]) -> Iterator[str]:
    """Name what a section can name, with its options and their defaults."""
    catalogue = model.catalogue
    for name in sorted(catalogue.modules()):
        options = catalogue.options(name).items()
        keys = [f"`{key}: {json.dumps(option.default)}`" for key, option in options]
        said = " ".join(catalogue.docstring(name).split())
        yield f"- `{name}`{' · '.join(['', *keys])}: {said}"


def _section(model: type[schema.Strict | Registered], prefix: str) -> Iterator[str]:
    described = model.model_json_schema()
    docs = ModuleAnalyzer.for_module(schema.__name__).find_attr_docs()
    for key, field in described["properties"].items():
        owner = next(c for c in model.__mro__ if key in vars(c).get("__annotations__", {}))
        yield from (f"```{{confval}} {prefix}{key}", "")
        yield " · ".join([_type(field, f"{prefix}{key}"), *_default(key, described)])
        yield ""
        yield from docs[owner.__name__, key]
        yield "```"


def _type(field: Schema, path: str) -> str:
    """Say in words what a key may be."""
    if "$ref" in field:
        return f"[a section](config.md#{path.replace('.', '')})"
    if "anyOf" in field:
        return ", or ".join(_type(option, path) for option in field["anyOf"])
    if "enum" in field:
        return " | ".join(f"`{_value(choice)}`" for choice in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "prefixItems" in field:
        return f"a list of {len(field['prefixItems'])}: {_type(field['prefixItems'][0], path)} each"
    if field["type"] == "array":
        return f"a list, each {_type(field['items'], path)}"
    limits = [
        f"{words} {field[name]}"
        for words, names in _LIMITS.items()
        for name in names
        if name in field
    ]
    return ", ".join([_WORDS[field["type"]], *limits])


def _default(key: str, described: Schema) -> Iterator[str]:
    if key in described.get("required", ()):
        yield "must be given"
    elif (text := _value(described["properties"][key]["default"])) is not None:
        yield f"default `{text}`"


def _value(value: Any) -> str | None:
    """Spell a value as config.yaml would; None for a section, whose keys have defaults."""
    if isinstance(value, dict) and value:
        return None
    return value if isinstance(value, str) else json.dumps(value)


def _without_keys(
    app: Sphinx, what: str, name: str, thing: object, options: object, *signature: str | None
) -> tuple[str, str] | None:
    return (
        ("", "")
        if isinstance(thing, type) and issubclass(thing, schema.Strict | Registered)
        else None
    )


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("config-section", ConfigSection)
    app.connect("autodoc-process-signature", _without_keys)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
