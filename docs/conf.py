"""How Sphinx builds the site: `make docs`."""

import sys
import warnings
from pathlib import Path

from sphinx.application import Sphinx

import pj2

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

# What a library says to its authors while autodoc imports it.
warnings.filterwarnings("ignore", message=".*torch.jit.script", category=FutureWarning)

project = "pj2"
copyright = "the pj2 authors"
version = release = pj2.__version__
language = "en"

extensions = [
    "myst_parser",
    "sphinx.ext.apidoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "claim_reference",
    "command_reference",
    "config_reference",
    "exhibit_reference",
]
exclude_patterns = ["_build", "reference/api/modules.rst"]
smartquotes_action = "D"  # dashes only: quotes stay as they are
myst_heading_anchors = 3

# A page a package, written anew each time. The commands have a page of their own.
apidoc_modules = [
    {
        "path": "../pj2",
        "destination": "reference/api",
        "exclude_patterns": ["../pj2/cli/*", "../pj2/__main__.py"],
        "automodule_options": ["members"],
        "module_first": True,
    }
]

default_role = "code"
autodoc_member_order = "bysource"
napoleon_use_ivar = True  # attributes of a docstring are not described a second time
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
autodoc_type_aliases = {"ArrayLike": "ArrayLike"}
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

# A reference to anything of this package must be found; other projects' pages are on the net.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!pj2\.).*")]
suppress_warnings = ["ref.python"]  # the type `bytes` is the name of some attributes too
# Type variables, and functions that check a type's values.
nitpick_ignore = [
    ("py:class", f"pj2.{name}")
    for name in (
        "registry.Definition",
        "config.choices.Item",
        "runs.record._files_of_a_run",
        "store.files._Readable",
        "store.records.Schema",
        "store.records.plain_name",
        "store.store.Result",
    )
]

html_theme = "furo"
html_title = f"pj2 {version}"
html_show_sphinx = False
html_show_copyright = False


def setup(app: Sphinx) -> None:
    """Let the tables below results/ stand in no menu: results.md links to them."""
    app.connect("doctree-read", _hide_tables)


def _hide_tables(app: Sphinx, doctree: object) -> None:
    if app.env.docname.startswith("results/"):
        app.env.metadata[app.env.docname]["orphan"] = True
