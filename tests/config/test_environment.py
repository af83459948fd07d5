from __future__ import annotations

import os

from pj2.config.environment import use_huge_pages


def test_a_users_own_settings_of_glibc_stand(monkeypatch):
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    use_huge_pages()
    assert os.environ["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=1"
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.perturb=1")
    use_huge_pages()
    assert os.environ["GLIBC_TUNABLES"] == "glibc.malloc.perturb=1"
