"""Base class of all configuration models: strict keys, one-line errors, YAML input."""

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

from daf.config.plain import as_plain_data
from daf.config.plain_data import check_plain_data, load_yaml
from daf.errors import ConfigError, describe_validation_error, short_json


class _RaiseConfigErrorMeta(type(BaseModel)):
    """Metaclass that turns the ValidationError of a constructor into a ConfigError."""

    def __call__(cls, *arguments: Any, **values: Any) -> Any:
        try:
            return super().__call__(*arguments, **values)
        except ValidationError as error:
            assert issubclass(cls, BaseModel)
            raise ConfigError(f"{cls.__name__}: {describe_validation_error(error, cls)}") from None


class Model(BaseModel, metaclass=_RaiseConfigErrorMeta):
    """Base of all configuration: immutable; unknown keys, NaN and infinity are errors.

    NumPy values, tuples, ranges and paths are converted to plain data first.

    Raises:
        ConfigError: a value is invalid; one line.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True
    )

    @model_validator(mode="before")
    @classmethod
    def _convert_python_values(cls, data: Any) -> Any:
        return as_plain_data(data)

    @classmethod
    def parse(cls, data: Any, source: str) -> Self:
        """Validate plain data.

        Args:
            data: content of a YAML or JSON file.
            source: file name or other origin, the prefix of error messages.

        Raises:
            ConfigError: a value is invalid; one line with source, key, value and expectation.
        """
        data = as_plain_data(data)
        check_plain_data(data, source)
        if not isinstance(data, dict):
            raise ConfigError(f"{source}: got {short_json(data)}; expected a mapping of keys")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise ConfigError(f"{source}: {describe_validation_error(error, cls)}") from None

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """Read and validate a YAML file.

        Raises:
            ConfigError: the file is missing, unreadable, too large, no YAML, or has invalid
                content; the message names the file.
        """
        return cls.parse(load_yaml(path), str(path))

    def resolved(self) -> dict[str, Any]:
        """Return all values, including defaults, as JSON-able plain data."""
        return self.model_dump(mode="json")


def convert_numeric_text(value: Any) -> Any:
    """Return text that is a number as a float; return other values, except bools, unchanged."""
    if isinstance(value, bool):
        raise ValueError("expected a number")
    # YAML 1.1 reads `1e-3` (no dot), a usual spelling of learning rates, as text.
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?", value):
        return float(value)
    return value


def check_folder_name(value: str) -> str:
    """Return the value, if it is a valid name.

    Raises:
        ValueError: it is not.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", value):
        raise ValueError(
            "expected 1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit"
        )
    return value


Float = Annotated[float, BeforeValidator(convert_numeric_text), Field(ge=-1e9, le=1e9)]
"""A float; YAML may also spell it `1e-3`."""

Int = Annotated[int, Field(strict=True)]
"""An int; `2.0`, `"2"` and `true` are refused."""

Name = Annotated[str, AfterValidator(check_folder_name)]
"""A text that is safe as a folder name, in a Snakemake pattern and in HTML."""
