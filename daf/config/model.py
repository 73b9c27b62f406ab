"""The common behaviour of every configuration class: strict keys, clear errors, YAML in."""

import re
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from daf.config.plain import as_plain
from daf.config.plain_data import check_plain_data, load_yaml
from daf.errors import ConfigError, describe, short_json


class _Checked(type(BaseModel)):
    """Lets a wrong argument of a configuration class be told as a wrong key of a file is."""

    def __call__(cls, *arguments: Any, **values: Any) -> Any:
        try:
            return super().__call__(*arguments, **values)
        except ValidationError as error:
            raise ConfigError(f"{cls.__name__}: {describe(error, cls)}") from None


class Model(BaseModel, metaclass=_Checked):
    """Base of all configuration: immutable, unknown keys refused, NaN and infinity refused.

    Values of NumPy, tuples, ranges and paths are taken for the plain data that they stand for.

    Raises:
        ConfigError: a value is wrong; one line.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True
    )

    @model_validator(mode="before")
    @classmethod
    def _values_of_programs(cls, data: Any) -> Any:
        return as_plain(data)

    @classmethod
    def parse(cls, data: Any, source: str) -> Self:
        """Validate plain data.

        Args:
            data: what YAML or JSON gave.
            source: a file name or other origin, named in the error.

        Raises:
            ConfigError: naming source, key, value and what would be accepted.
        """
        data = as_plain(data)
        check_plain_data(data, source)
        if not isinstance(data, dict):
            raise ConfigError(f"{source}: expected a mapping of keys, got {short_json(data)}")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise ConfigError(f"{source}: {describe(error, cls)}") from None

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """Read and validate a YAML file.

        Raises:
            ConfigError: the file is missing, unreadable, too large, no YAML, or its content is
                wrong; the message names the file.
        """
        return cls.parse(load_yaml(path), str(path))

    def resolved(self) -> dict[str, Any]:
        """All values, defaults filled in, as plain JSON-able data."""
        return self.model_dump(mode="json")


def read_number(value: Any) -> Any:
    """Return text that is a number as a float, and any other value but a bool as it is."""
    if isinstance(value, bool):
        raise ValueError("should be a number")
    # YAML 1.1 reads `1e-3` (no dot) as text; people write it for learning rates.
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?", value):
        return float(value)
    return value


def check_name(value: str) -> str:
    """The value, if it is fit for a name.

    Raises:
        ValueError: it is not.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", value):
        raise ValueError(
            "should be 1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit"
        )
    return value


Float = Annotated[float, BeforeValidator(read_number), Field(ge=-1e9, le=1e9)]
"""A float that may also be written as `1e-3` in YAML."""

Int = Annotated[int, Field(strict=True)]
"""An int; `2.0`, `"2"` and `true` are refused."""

Name = Annotated[str, AfterValidator(check_name)]
"""A text fit for the name of a folder, for a pattern of Snakemake and for HTML."""
