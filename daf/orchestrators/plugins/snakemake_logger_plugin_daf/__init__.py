"""Logger plugin of Snakemake, which writes events as JSON lines for the pipelines.

Snakemake finds the plugin by its name; `daf.orchestrators.run_snakemake` adds its folder to
PYTHONPATH.
"""

import json
import logging
from dataclasses import dataclass, field
from typing import Optional

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

EVENTS = ("job_info", "job_started", "job_finished", "job_error", "error", "run_info")
FIELDS = (
    "jobid",
    "job_id",
    "jobs",
    "rule_name",
    "wildcards",
    "output",
    "log",
    "stats",
    "exception",
)


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Options of the plugin."""

    # Snakemake derives a command line option from this field, and supports `Optional` only.
    path: Optional[str] = field(  # noqa: UP045
        default=None, metadata={"help": "file that receives the events", "required": True}
    )


class LogHandler(LogHandlerBase):
    """Handler that appends events to a file."""

    def __post_init__(self) -> None:
        assert isinstance(self.settings, LogHandlerSettings)
        assert self.settings.path is not None  # a required option
        self.baseFilename = self.settings.path
        self.file = open(self.baseFilename, "a", encoding="utf-8")  # noqa: SIM115

    def emit(self, record: logging.LogRecord) -> None:
        """Write one event as a JSON line."""
        event = getattr(record, "event", None)
        if event is not None and str(event) in EVENTS:
            line = {"event": str(event), "time": record.created, "message": record.getMessage()}
            line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
            self.file.write(json.dumps(line, default=str) + "\n")
            self.file.flush()

    @property
    def writes_to_stream(self) -> bool:
        """False: nothing is written to the terminal."""
        return False

    @property
    def writes_to_file(self) -> bool:
        """True: the handler writes to `baseFilename`."""
        return True

    @property
    def has_filter(self) -> bool:
        """True: replaces the filter of Snakemake."""
        # Without this, Snakemake's filter for the terminal would hide events.
        return True

    @property
    def has_formatter(self) -> bool:
        """True: replaces the formatter of Snakemake."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """False: the rule graph is not used."""
        return False
