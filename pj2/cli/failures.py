"""How a command ends after an error: the message and the exit code."""

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

# Errors of the file system about a path that a user named, or about a full disk.
_OF_FILES = {
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM),
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS),
}


def report(error: Exception) -> int:
    """Print to stderr why a command failed, one line per problem; return the exit code.

    If ``PJ2_DEBUG`` is set, the traceback is printed too. For an internal error it is also
    printed if stderr is not a terminal, since by the time somebody reads a job's log it is too
    late to run the job again with ``--debug``.
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
