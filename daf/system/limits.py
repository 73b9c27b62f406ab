"""Resource limits of this process, and checks that they are sufficient."""

import resource
import time
from dataclasses import dataclass
from datetime import UTC, datetime

KIB, MIB = 2**10, 2**20
LOW_MEMORY_ENV_VARS = {"ARROW_DEFAULT_MEMORY_POOL": "system", "RUST_BACKTRACE": "0"}
"""Environment variables of processes with a memory limit.

The default memory pool of pyarrow reserves 1 GiB of address space. Rust with a backtrace hangs when
it is out of memory.
"""

YEARS = range(1980, 2100)
"""Years that archives and file systems can represent."""


class MachineCheckError(RuntimeError):
    """Insufficient machine or installation; the message names the cause in one line."""


@dataclass(frozen=True)
class ResourceLimit:
    """Resource limit of this process, set by its parent, such as a shell.

    Attributes:
        resource_id: constant `RLIMIT_*` of module `resource`.
        name: name of the resource.
        shell_command: command that sets the limit.
        minimum: smallest sufficient limit.
        ample: limit from which on the resource explains no failure.
        unit: size of the unit in error messages.
        unit_name: name of the unit; "" for counts.
    """

    resource_id: int
    name: str
    shell_command: str
    minimum: float
    ample: float
    unit: int = 1
    unit_name: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self._format_amount(self.soft_limit)} ({self.shell_command})"

    @property
    def soft_limit(self) -> float:
        """Soft limit of this process; infinity without a limit."""
        soft, _ = resource.getrlimit(self.resource_id)
        return float("inf") if soft == resource.RLIM_INFINITY else soft

    def check_sufficient(self) -> None:
        """Check that the limit is sufficient.

        Raises:
            MachineCheckError: the limit is below its minimum.
        """
        if self.soft_limit < self.minimum:
            raise MachineCheckError(
                f"limited to {self}; DAF needs {self._format_amount(self.minimum)}"
            )

    def _format_amount(self, amount: float) -> str:
        return f"{amount / self.unit:.0f} {self.unit_name}".rstrip()


UNLIMITED = float("inf")
MEMORY_LIMITS = (
    ResourceLimit(resource.RLIMIT_AS, "memory", "ulimit -v", 2**30, UNLIMITED, KIB, "KiB"),
    ResourceLimit(resource.RLIMIT_DATA, "data", "ulimit -d", 2**29, UNLIMITED, KIB, "KiB"),
)
"""Limits that can prevent the import of libraries."""

LIMITS = (
    *MEMORY_LIMITS,
    ResourceLimit(
        resource.RLIMIT_FSIZE, "size of a file", "ulimit -f", 64 * MIB, UNLIMITED, KIB, "KiB"
    ),
    ResourceLimit(resource.RLIMIT_NOFILE, "open files", "ulimit -n", 64, 256),
    ResourceLimit(resource.RLIMIT_NPROC, "processes", "ulimit -u", 0, 256),
    ResourceLimit(resource.RLIMIT_CPU, "processor time", "ulimit -t", 0, UNLIMITED, 1, "s"),
)


def check_memory_limits_suffice() -> None:
    """Check that this process has enough memory for its libraries.

    Raises:
        MachineCheckError: a limit is too low; the message names it.
    """
    for limit in MEMORY_LIMITS:
        limit.check_sufficient()


def check_limits_and_clock() -> None:
    """Check that limits and clock of this process are sufficient for a workflow.

    Raises:
        MachineCheckError: a limit is too low or the clock is wrong; the message names it.
    """
    for limit in LIMITS:
        limit.check_sufficient()
    check_system_clock_year()


def check_system_clock_year() -> None:
    """Check that the clock shows a year that sidecars can represent.

    Raises:
        MachineCheckError: the clock is wrong; the message contains its date.
    """
    now = datetime.fromtimestamp(time.time(), UTC)
    if now.year not in YEARS:
        raise MachineCheckError(
            f"system clock: got {now:%Y-%m-%d}; expected a year from {YEARS[0]} to {YEARS[-1]}"
        )


def describe_low_limits() -> str:
    """Return the limits that may explain a failure, as the end of a sentence; "" if none."""
    low = ", ".join(str(limit) for limit in LIMITS if limit.soft_limit < limit.ample)
    return f"; limited to {low}" if low else ""
