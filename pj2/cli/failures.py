"""How a command ends when something goes wrong: what it prints, and its exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback

from pj2.errors import UserError, in_one_line
from pj2.runs.interrupt import EXIT_INTERRUPTED, Interrupted

DEBUG = "PJ2_DEBUG"
USER_ERROR = 2
INTERNAL_ERROR = 70  # EX_SOFTWARE of sysexits.h

# What the file system says of a path that a user named, or of a full disk.
_OF_FILES = {
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM),
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS),
}


def report(error: Exception) -> int:
    """Say on stderr what ended a command, a line a problem; return the exit code.

    The traceback is printed too where ``PJ2_DEBUG`` is set and, of an error that no user
    should meet, where stderr is not a terminal: a job's log is read when it is too late
    to run it again with ``--debug``.
    """
    lines, code = _outcome(error)
    if os.environ.get(DEBUG) or (code == INTERNAL_ERROR and not sys.stderr.isatty()):
        traceback.print_exception(error)
    for line in lines:
        print(f"pj2: {in_one_line(line)}", file=sys.stderr)
    return code


def _outcome(error: Exception) -> tuple[tuple[str, ...], int]:
    if isinstance(error, UserError):
        return error.problems, USER_ERROR
    if isinstance(error, Interrupted):
        return (str(error),), EXIT_INTERRUPTED
    if isinstance(error, OSError) and error.errno in _OF_FILES:
        return (f"{error.filename or 'output'}: {error.strerror}",), USER_ERROR
    first = (str(error).splitlines() or [""])[0]
    line = f"internal error: {type(error).__name__}: {first}"
    return (f"{line}; run again with --debug for the traceback",), INTERNAL_ERROR
