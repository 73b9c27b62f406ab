"""The configuration that a call of Snakemake gives: its files, and `--config` on top of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daf.config.model import Model
from daf.config.plain_data import load_yaml, parse_yaml
from daf.errors import ConfigError, short_json

OPTION = "--config"


@dataclass(frozen=True)
class Given:
    """A configuration as DAF reads it, which is not quite as Snakemake does.

    Attributes:
        files: their names, for errors.
        of_files: what stands in the files, later ones over earlier ones.
        data: the same with what `--config` sets.
    """

    files: str
    of_files: dict[str, Any]
    data: dict[str, Any]

    @classmethod
    def read(cls, files: Sequence[str | Path], settings: Sequence[str] = ()) -> "Given":
        """Read files and settings.

        Args:
            settings: texts KEY=VALUE, the values YAML.

        Raises:
            ConfigError: one of them cannot be read; one line.
        """
        names = ", ".join(map(str, files))
        of_files: Any = {}
        for file in files:
            of_files = _updated(of_files, load_yaml(file))
        data = of_files
        for setting in settings:
            key, separator, value = setting.partition("=")
            if not separator:
                raise ConfigError(f"{OPTION}: got {short_json(setting)}; should be KEY=VALUE")
            source = f"{OPTION} {key}"
            data = _updated(data, {key: parse_yaml(value, source) if value.strip() else None})
        return cls(names, of_files, data)

    @property
    def source(self) -> str:
        """Where it comes from, for errors."""
        return " and ".join(
            filter(None, [self.files, OPTION if self.of_files != self.data else ""])
        )

    def parsed(self, model: type[Model]) -> Any:
        """The configuration as a model.

        Raises:
            ConfigError: it is wrong; it is blamed on the files only if it is wrong without
                `--config`, too.
        """
        try:
            return model.parse(self.data, self.files if self.data == self.of_files else OPTION)
        except ConfigError as error:
            try:
                model.parse(self.of_files, self.files)
            except ConfigError as of_files:
                if f"{of_files}" == f"{error}".replace(OPTION, self.files, 1):
                    raise of_files from None
            raise


def _updated(data: Any, changes: Any) -> Any:
    """What Snakemake makes of two configurations: mappings are joined, all else is replaced."""
    if not isinstance(changes, dict):
        return changes
    found = dict(data) if isinstance(data, dict) else {}
    return found | {key: _updated(found.get(key), value) for key, value in changes.items()}
