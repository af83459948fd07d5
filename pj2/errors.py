"""The one exception a user is meant to see."""

from __future__ import annotations

from collections.abc import Sequence


class UserError(Exception):
    """A mistake the user can mend: shown without a traceback, exit code 2.

    Each problem is one line that names the file, the key, what was found and
    what would be right. Several problems found together are reported together.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (
            (problems,) if isinstance(problems, str) else tuple(problems)
        )
        super().__init__("\n".join(self.problems))
