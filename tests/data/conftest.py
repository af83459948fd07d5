from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pj2.config.schema import DatasetConfig
from pj2.data.prepare import prepare
from pj2.errors import UserError


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., tuple[dict[str, Any], bytes]]:
    """Prepare a data set and return its description and the bytes of its images."""
    numbers = iter(range(100))

    def run(**dataset: Any) -> tuple[dict[str, Any], bytes]:
        output = tmp_path / f"prepared-{next(numbers)}"
        info = prepare(DatasetConfig(**dataset), output)
        return info, (output / "dataset.safetensors").read_bytes()

    return run


@pytest.fixture
def complaint(tmp_path: Path) -> Callable[..., str]:
    """Prepare a data set that cannot be, and return the one line that says why."""

    def run(**dataset: Any) -> str:
        output = tmp_path / "refused"
        with pytest.raises(UserError) as caught:
            prepare(DatasetConfig(**dataset), output)
        assert len(caught.value.problems) == 1
        assert "\n" not in str(caught.value)
        assert not output.exists()
        return str(caught.value)

    return run
