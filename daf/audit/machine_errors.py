"""Errors in an audit: do the files bring them about, or the machine of whoever audits?"""

import pyarrow

from daf.audit.jobs import NotPossible
from daf.audit.sidecar_index import Contradiction
from daf.config import ConfigError
from daf.errors import printable
from daf.files.safe_read import UnsafeFile

OF_MACHINE = (OSError, MemoryError, ImportError, RuntimeError, SystemError)
"""No space, no permission, no memory, no library; torch and Warp say so by RuntimeError."""

OF_CONTENT = (UnsafeFile, RecursionError, NotImplementedError)
"""Those of them that files bring about."""


def in_one_line(error: Exception) -> str:
    """Return what an error says; the name of its kind with it if nobody has foreseen it."""
    foreseen = isinstance(error, NotPossible | Contradiction | ConfigError)
    return printable(" ".join(f"{'' if foreseen else type(error).__name__ + ': '}{error}".split()))


def own_trouble(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, tells of the machine of whoever audits."""
    while error is not None:
        told = isinstance(error, OF_MACHINE) and not isinstance(error, OF_CONTENT)
        # Of what is no fault of a file, such as a missing thread, pyarrow knows no kind.
        told = told or type(error) is pyarrow.ArrowException
        # Libraries raise OSError for broken files, too; the system gives a number.
        if told and not (isinstance(error, OSError) and error.errno is None):
            return True
        error = error.__cause__ or error.__context__
    return False
