"""One-line errors for results of which the content is not what DAF writes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from daf.config import ConfigError

CONTENT_ERRORS = (
    ArithmeticError,
    AttributeError,
    ConfigError,
    LookupError,
    TypeError,
    ValueError,
)
"""Errors of code that reads a result without the expected content."""

ReportProblem = Callable[[str], None] | None
"""Function that receives one line about a result that is left out; None: such a result raises."""


@contextmanager
def raise_or_report_invalid_result(
    path: str | Path, report_problem: ReportProblem = None
) -> Iterator[None]:
    """Turn errors about missing keys and wrong types in a block into one line.

    Args:
        path: file or folder of the results that the block reads.
        report_problem: receives the line, and the program continues after the block.

    Raises:
        ConfigError: an error in the block without `report_problem`; one line.
    """
    try:
        yield
    except CONTENT_ERRORS as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        line = f"{path}: invalid result ({reason})"
        if isinstance(error, ConfigError):
            line = str(error)
        if report_problem is None:
            raise ConfigError(line) from None
        report_problem(line)
