"""Configuration of one Snakemake call: its configuration files merged with `--config`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from daf.config.model import Model
from daf.config.plain_data import load_yaml, parse_yaml
from daf.errors import ConfigError, short_json

OPTION = "--config"

AnyModel = TypeVar("AnyModel", bound=Model)


@dataclass(frozen=True)
class MergedConfig:
    """Merged configuration of one call, read as YAML 1.2 (Snakemake reads YAML 1.1).

    Attributes:
        joined_file_names: names of the files, for error messages.
        file_data: merged content of the files; later files override earlier ones.
        data: `file_data` overridden by `--config`.
    """

    joined_file_names: str
    file_data: dict[str, Any]
    data: dict[str, Any]

    @classmethod
    def read(cls, files: Sequence[str | Path], settings: Sequence[str] = ()) -> "MergedConfig":
        """Read and merge files and settings.

        Args:
            files: paths of the configuration files, in order of increasing priority.
            settings: texts KEY=VALUE with YAML values.

        Raises:
            ConfigError: a file or a setting is unreadable; one line.
        """
        file_names = ", ".join(map(str, files))
        file_data: Any = {}
        for file in files:
            file_data = _merge_recursively(file_data, load_yaml(file))
        data = file_data
        for setting in settings:
            key, separator, value = setting.partition("=")
            if not separator:
                raise ConfigError(f"{OPTION}: got {short_json(setting)}; expected KEY=VALUE")
            source = f"{OPTION} {key}"
            data = _merge_recursively(
                data, {key: parse_yaml(value, source) if value.strip() else None}
            )
        return cls(file_names, file_data, data)

    @classmethod
    def from_data(cls, data: dict[str, Any], source: str) -> "MergedConfig":
        """Return a configuration that is data of a program instead of files.

        Args:
            data: plain data.
            source: origin of the data, for error messages.
        """
        return cls(source, data, data)

    @property
    def source(self) -> str:
        """Origin of the data, for error messages."""
        option = OPTION if self.file_data != self.data else ""
        return " and ".join(filter(None, [self.joined_file_names, option]))

    def parse_as(self, model: type[AnyModel]) -> AnyModel:
        """Validate the merged configuration.

        Raises:
            ConfigError: it is invalid; the source is the files only if they are invalid without
                `--config`, too.
        """
        try:
            source = self.joined_file_names if self.data == self.file_data else OPTION
            return model.parse(self.data, source)
        except ConfigError as error:
            try:
                model.parse(self.file_data, self.joined_file_names)
            except ConfigError as file_error:
                if f"{file_error}" == f"{error}".replace(OPTION, self.joined_file_names, 1):
                    raise file_error from None
            raise


def _merge_recursively(data: Any, changes: Any) -> Any:
    """Merge two configurations as Snakemake does: mappings are joined, all else is replaced."""
    if not isinstance(changes, dict):
        return changes
    result = dict(data) if isinstance(data, dict) else {}
    return result | {
        key: _merge_recursively(result.get(key), value) for key, value in changes.items()
    }
