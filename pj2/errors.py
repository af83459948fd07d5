"""The one exception a user is meant to see."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Characters that end a line, turn its direction or are invalid, but may be in a quoted name.
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class UserError(Exception):
    """A mistake the user can correct: shown without a traceback, exit code 2.

    Each problem is one line that names the file, the key, what was found and
    what would be right. Several problems found together are reported together.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        lines = (problems,) if isinstance(problems, str) else tuple(problems)
        self.problems: tuple[str, ...] = tuple(map(in_one_line, lines))
        super().__init__("\n".join(self.problems))


def in_one_line(text: str) -> str:
    """Return a text that a terminal shows in one line: control characters become escapes."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
