"""Classification of errors: caused by the audited files, or by the auditing machine."""

import pyarrow

from daf.audit.jobs import CannotVerifyError
from daf.audit.sidecar_index import SidecarMismatchError
from daf.config import ConfigError
from daf.errors import escape_unprintable
from daf.files.safe_read import UnsafeFileError

MACHINE_ERRORS = (OSError, MemoryError, ImportError, RuntimeError, SystemError)
"""No disk space, permission, memory or library; torch and Warp raise RuntimeError for these."""

CONTENT_ERRORS = (UnsafeFileError, RecursionError, NotImplementedError)
"""Subclasses of `MACHINE_ERRORS` that the content of files causes."""


def format_error_line(error: Exception) -> str:
    """Return the message of an error in one line, with the class name of an unexpected error."""
    expected = isinstance(error, CannotVerifyError | SidecarMismatchError | ConfigError)
    return escape_unprintable(
        " ".join(f"{'' if expected else type(error).__name__ + ': '}{error}".split())
    )


def is_machine_error(error: BaseException | None) -> bool:
    """Return true if the auditing machine caused an error, or one in its chain of causes."""
    while error is not None:
        by_machine = isinstance(error, MACHINE_ERRORS) and not isinstance(error, CONTENT_ERRORS)
        # pyarrow raises its base class for system errors, such as a failed thread start.
        by_machine = by_machine or type(error) is pyarrow.ArrowException
        # Libraries raise OSError for broken files, too; only those of the system have an errno.
        if by_machine and not (isinstance(error, OSError) and error.errno is None):
            return True
        error = error.__cause__ or error.__context__
    return False
