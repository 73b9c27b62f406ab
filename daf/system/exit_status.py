"""Exit status of commands."""

from typing import TypeAlias

ExitStatus: TypeAlias = int
"""0 success; 1 failure; 3 partial success, or a result that cannot be verified."""
