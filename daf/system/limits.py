"""What a process may use on this machine, and whether that is enough to begin."""

import resource
import time
from dataclasses import dataclass
from datetime import UTC, datetime

KIB, MIB = 2**10, 2**20
SPARING = {"ARROW_DEFAULT_MEMORY_POOL": "system", "RUST_BACKTRACE": "0"}
"""Variables for processes whose memory is limited. pyarrow's own pool takes a gigabyte of addresses
with the first byte, and a limit counts them. Rust that is out of memory never ends if it is to show
where."""

YEARS = range(1980, 2100)
"""Years that archives and file systems can hold."""


class EnvironmentProblem(RuntimeError):
    """The machine cannot do the work; the message says what is missing, one line."""


@dataclass(frozen=True)
class Limit:
    """A limit that whoever started the process may have set.

    Attributes:
        number: of the limit, in module `resource`.
        name: of what it limits.
        least: below it no work can begin.
        ample: from here on it explains no failure.
        unit, unit_name: what people count it in.
        set_by: the command of the shell.
    """

    number: int
    name: str
    set_by: str
    least: float
    ample: float
    unit: int = 1
    unit_name: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self._counted(self.value)} ({self.set_by})"

    @property
    def value(self) -> float:
        """Of this process; infinity if there is none."""
        soft, _ = resource.getrlimit(self.number)
        return float("inf") if soft == resource.RLIM_INFINITY else soft

    def check(self) -> None:
        """Make sure that it leaves the least amount.

        Raises:
            EnvironmentProblem: it does not.
        """
        if self.value < self.least:
            raise EnvironmentProblem(f"limited to {self}; DAF needs {self._counted(self.least)}")

    def _counted(self, amount: float) -> str:
        return f"{amount / self.unit:.0f} {self.unit_name}".rstrip()


ANY = float("inf")
MEMORY = (
    Limit(resource.RLIMIT_AS, "memory", "ulimit -v", 2**30, ANY, KIB, "KiB"),
    Limit(resource.RLIMIT_DATA, "data", "ulimit -d", 2**29, ANY, KIB, "KiB"),
)
"""Without these not even the libraries can be loaded."""

LIMITS = (
    *MEMORY,
    Limit(resource.RLIMIT_FSIZE, "size of a file", "ulimit -f", 64 * MIB, ANY, KIB, "KiB"),
    Limit(resource.RLIMIT_NOFILE, "open files", "ulimit -n", 64, 256),
    Limit(resource.RLIMIT_NPROC, "processes", "ulimit -u", 0, 256),
    Limit(resource.RLIMIT_CPU, "processor time", "ulimit -t", 0, ANY, 1, "s"),
)


def check_memory() -> None:
    """Make sure that this process may have the memory to load its libraries.

    Raises:
        EnvironmentProblem: it may not; naming the limit.
    """
    for limit in MEMORY:
        limit.check()


def check_process() -> None:
    """Make sure that this process may do what a workflow needs, and knows what time it is.

    Raises:
        EnvironmentProblem: it may not, or its clock is wrong; naming the limit or the time.
    """
    for limit in LIMITS:
        limit.check()
    check_clock()


def check_clock() -> None:
    """Make sure that the clock says a time that records can hold.

    Raises:
        EnvironmentProblem: it does not; naming the time.
    """
    now = datetime.fromtimestamp(time.time(), UTC)
    if now.year not in YEARS:
        raise EnvironmentProblem(
            f"the clock says {now:%Y-%m-%d}; it has to be set before DAF can record when it did "
            f"what, in the years {YEARS[0]} to {YEARS[-1]}"
        )


def limited() -> str:
    """The limits that may explain a failure, as the end of a sentence; often there are none."""
    found = ", ".join(str(limit) for limit in LIMITS if limit.value < limit.ample)
    return f"; limited to {found}" if found else ""
