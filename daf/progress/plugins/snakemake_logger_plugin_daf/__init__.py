"""Logger plugin of Snakemake: `snakemake TARGET --logger daf`.

Snakemake finds the plugin by the name of this package, and imports it in every job. So it imports
DAF only when it is used.
"""

import logging
import sys
from dataclasses import dataclass, field
from typing import Optional

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Options of the plugin."""

    # Snakemake derives a command line option from this field, and supports `Optional` only.
    path: Optional[str] = field(  # noqa: UP045
        default=None,
        metadata={"help": "file that receives the events, instead of a view on the terminal"},
    )


class LogHandler(LogHandlerBase):
    """Handler that records the events of a call, and shows its progress on the terminal."""

    def __post_init__(self) -> None:
        from daf.progress.snakemake_log import SnakemakeLog

        assert isinstance(self.settings, LogHandlerSettings)
        self._log = SnakemakeLog(self.common_settings, self.settings.path)
        if self.settings.path is not None:
            self.baseFilename = self.settings.path  # Snakemake names it at the end

    def emit(self, record: logging.LogRecord) -> None:
        """Record and show one event."""
        try:
            self._log.handle(record)
        except Exception:  # else the thread that calls this handler ends without a word
            self._log.record_end_and_close(is_success=False)
            self.handleError(record)

    def close(self) -> None:
        """Record the end of the call, and leave the terminal as it was."""
        self._log.record_end_and_close(is_success=sys.exc_info()[0] is None)
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """True if the handler replaces the output of Snakemake."""
        return self._log.has_view

    @property
    def writes_to_file(self) -> bool:
        """True if the handler writes to `baseFilename`."""
        return isinstance(self.settings, LogHandlerSettings) and self.settings.path is not None

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
