"""CITATION.cff, and how the cards cite it."""

from __future__ import annotations

import yaml

import pj2
from pj2.publish.citation import read_citation
from tests.helpers.repository import REPOSITORY

FILE = REPOSITORY / "CITATION.cff"


def test_it_is_of_this_version_and_licence():
    found = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    assert found["cff-version"] == "1.2.0"
    assert found["version"] == pj2.__version__
    licence = FILE.with_name("LICENSE").read_text(encoding="utf-8")
    assert licence.startswith(f"{found['license']} License")
    assert found["authors"][0]["name"] in licence


def test_works_are_cited_in_a_line():
    citation = read_citation(FILE)
    assert citation.software.startswith("The pj2 authors. pj2: ")
    assert citation.software.endswith(f"Version {pj2.__version__}.")
    assert (
        "Shibani Santurkar, Dimitris Tsipras, Andrew Ilyas, Aleksander Mądry (2018). How Does "
        "Batch Normalization Help Optimization? Advances in Neural Information Processing "
        "Systems 31." in citation.works
    )
    assert any(
        line.startswith("Alex Krizhevsky (2009).") and line.endswith("University of Toronto.")
        for line in citation.works
    )
    assert any(
        line.startswith("Felix Mölder et al.") and "F1000Research 10, 33." in line
        for line in citation.works
    )
