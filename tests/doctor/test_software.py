from __future__ import annotations

import pytest

from pj2.doctor import software
from pj2.doctor.software import check_packages, check_python


def declare(monkeypatch, here, python, *packages):
    (here / "pyproject.toml").write_text(
        f"[project]\nrequires-python = '{python}'\ndependencies = {list(packages)}\n"
    )
    monkeypatch.setattr(software, "ROOT", here)


def test_a_python_that_is_too_old(subject, here, monkeypatch):
    declare(monkeypatch, here, ">=4.2")
    first, _ = check_python(subject())
    assert first.status == "problem"
    assert "needs >=4.2" in first.found


@pytest.mark.parametrize(
    ("package", "words"),
    [("torch>=99", "needed is >=99"), ("no-such-package>=1", "no-such-package is missing")],
)
def test_packages_that_are_missing_or_too_old(subject, here, monkeypatch, package, words):
    declare(monkeypatch, here, ">=3", "numpy", package)
    (finding,) = check_packages(subject())
    assert finding.status == "problem"
    assert words in finding.found
    assert "numpy" not in finding.found


def test_another_clone_in_the_working_directory(subject, here):
    (here / "pj2").mkdir()
    (here / "pj2" / "__init__.py").touch()
    _, second = check_python(subject())
    assert second.status == "warning"
    assert str(here) in second.found
