from __future__ import annotations

import os

import pytest

from pj2.config.environment import use_checkout, use_huge_pages
from pj2.errors import UserError


def test_a_users_own_settings_of_glibc_stand(monkeypatch):
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    use_huge_pages()
    assert os.environ["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=1"
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.perturb=1")
    use_huge_pages()
    assert os.environ["GLIBC_TUNABLES"] == "glibc.malloc.perturb=1"


def test_the_package_beside_the_snakefile_comes_first(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.setenv("PYTHONSAFEPATH", "")
    use_checkout("/home/me/a clone")
    assert os.environ["PYTHONPATH"].split(os.pathsep) == ["/home/me/a clone", "/elsewhere"]


@pytest.mark.parametrize("path", ["/home/a:b", "/home/{a}", "/home/a\nb"])
def test_a_path_that_would_make_jobs_run_another_package_is_refused(monkeypatch, path):
    before = os.environ.get("PYTHONPATH")
    with pytest.raises(UserError) as caught:
        use_checkout(path)
    (line,) = caught.value.problems
    assert "move the folder to a path without" in line
    assert os.environ.get("PYTHONPATH") == before
