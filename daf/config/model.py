"""The common behaviour of every configuration class: strict keys, clear errors, YAML in."""

import difflib
import json
import re
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails

MAX_FILE_BYTES = 4 * 1024 * 1024


class ConfigError(ValueError):
    """A configuration is wrong. The message is one line: source, key, value, what is accepted."""


class Model(BaseModel):
    """Base of all configuration: immutable, unknown keys refused, NaN and infinity refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True, strict=False
    )

    @model_validator(mode="before")
    @classmethod
    def _booleans_are_not_numbers(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for key, value in data.items():
                field = cls.model_fields.get(key)
                if isinstance(value, bool) and field and field.annotation in (int, float):
                    raise ValueError(f"key '{key}': got {value!r}; a number is expected")
        return data

    @classmethod
    def parse(cls, data: Any, source: str) -> Self:
        """Validate plain data.

        Args:
            data: what YAML or JSON gave.
            source: a file name or other origin, named in the error.

        Raises:
            ConfigError: naming source, key, value and what would be accepted.
        """
        if not isinstance(data, dict):
            raise ConfigError(f"{source}: expected a mapping of keys, got {_shown(data)}")
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


def load_yaml(path: str | Path) -> Any:
    """The content of a YAML file, by the safe loader; an empty file is an empty mapping.

    Raises:
        ConfigError: naming the file and, for broken YAML, line and column.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file in UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "cannot be parsed"
        raise ConfigError(f"{path}: not valid YAML{where}: {problem}") from None
    return {} if content is None else content


def nearest(word: str, choices: list[str]) -> str:
    """`did you mean 'x'? ` if a choice is close to `word`, and the list of all choices."""
    close = difflib.get_close_matches(str(word), choices, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}accepted: {', '.join(choices)}"


def describe(error: ValidationError, model: type[BaseModel]) -> str:
    """The first mistake of a pydantic error as one line: key, value, what would be accepted."""
    mistake = error.errors()[0]
    key = ".".join(str(part) for part in mistake["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if mistake["type"] == "extra_forbidden":
        owner = _model_at(model, mistake["loc"][:-1])
        accepted = f"; {nearest(mistake['loc'][-1], sorted(owner.model_fields))}" if owner else ""
        return f"unknown key '{key}'{accepted}{more}"
    if mistake["type"] == "missing":
        return f"key '{key}' is missing{more}"
    reason = _reason(mistake)
    if not key:
        return f"{reason}{more}"
    return f"key '{key}': got {_shown(mistake['input'])}; {reason}{more}"


def _reason(mistake: ErrorDetails) -> str:
    text = re.sub(r"^(Value|Assertion) error, ", "", mistake["msg"])
    text = re.sub(r"^Input should be ", "should be ", text)
    return " ".join(text.split())


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except ValueError:
        text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _model_at(model: type[BaseModel], location: tuple) -> type[BaseModel] | None:
    """The model class whose keys stand at `location`, if every step on the way is one."""
    for part in location:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        found = _models_in(field.annotation) if field else []
        if len(found) != 1:
            return None
        model = found[0]
    return model


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for part in getattr(annotation, "__args__", ()) for m in _models_in(part)]


def _number(value: Any) -> Any:
    # YAML 1.1 reads `1e-3` (no dot) as text; people write it for learning rates.
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?", value):
        return float(value)
    return value


Number = Annotated[float, BeforeValidator(_number)]
"""A float that may also be written as `1e-3` in YAML."""
