"""Files of plain data: YAML or JSON in, everything odd refused."""

import json
import math
from pathlib import Path
from typing import Any

import yaml

from daf.config.errors import ConfigError, shown
from daf.config.yaml12 import CoreLoader

MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_JSON_BYTES = 256 * 1024 * 1024
MAX_VALUES = 100_000
MAX_DEPTH = 40


def load_yaml(path: str | Path) -> Any:
    """The content of a file in YAML 1.2 (core schema); an empty file is an empty mapping.

    Raises:
        ConfigError: naming the file and, for broken YAML, line and column.
    """
    return parse_yaml(_text(path, MAX_FILE_BYTES), str(path))


def parse_yaml(text: str, source: str) -> Any:
    """The content of a text in YAML 1.2 (core schema); an empty one is an empty mapping.

    Args:
        source: where it comes from, named in the error.

    Raises:
        ConfigError: naming the source and, for broken YAML, line and column.
    """
    try:
        data = yaml.load(text, Loader=_StrictLoader)
    except RecursionError:
        raise ConfigError(f"{source}: nested more than {MAX_DEPTH} levels deep") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or error.reason
        raise ConfigError(f"{source}: not valid YAML{where}: {problem}") from None
    data = {} if data is None else data
    check_plain(data, source)
    return data


def load_json(path: str | Path) -> Any:
    """The content of a JSON file, as DAF writes them.

    Raises:
        ConfigError: naming the file: unreadable, larger than 256 MiB, or not JSON (NaN is not).
    """
    return parse_json(_text(path, MAX_JSON_BYTES), str(path))


def parse_json(text: str | bytes, source: str) -> Any:
    """The content of a JSON text, as DAF writes them.

    Args:
        source: where it comes from, named in the error.

    Raises:
        ConfigError: naming the source: not JSON (NaN is not).
    """
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ConfigError(f"{source}: nested too deep") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ConfigError(f"{source}: not valid JSON at {where}: {error.msg}") from None
    except ValueError as error:
        raise ConfigError(f"{source}: not valid JSON: {error}") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _text(path: str | Path, most: int) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise ConfigError(f"{shown(str(path))}: no possible name of a file") from None
    if len(content) > most:
        raise ConfigError(f"{path}: larger than {most} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file in UTF-8") from None


def check_plain(data: Any, source: str) -> None:
    """Refuse data that JSON could not hold, or that aliases have blown up.

    Raises:
        ConfigError: naming `source`, the key and the value.
    """
    waiting: list[tuple[tuple, Any]] = [((), data)]
    count = 0
    while waiting:
        place, value = waiting.pop()
        count += 1
        if count > MAX_VALUES or len(place) > MAX_DEPTH:
            raise ConfigError(
                f"{source}: too much data; at most {MAX_VALUES} values, nested at most {MAX_DEPTH} "
                "levels deep, are accepted (what an alias stands for counts each time)"
            )
        if isinstance(value, dict):
            for name in value:
                if not isinstance(name, str):
                    raise ConfigError(
                        f"{source}: {_key(place)}has the key {shown(name)}, which YAML does not "
                        "read as text; put it in quotes"
                    )
            waiting += [((*place, name), inner) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [((*place, number), inner) for number, inner in enumerate(value)]
        elif accepted := _accepted_instead(value):
            text = hex(value) if isinstance(value, int) else repr(value)
            raise ConfigError(f"{source}: {_key(place)}got {text:.80}; should be {accepted}")


def _accepted_instead(value: Any) -> str | None:
    """What should stand there instead of `value`; None if it is a fine scalar."""
    if isinstance(value, str):
        return "text without NUL characters" if "\0" in value else None
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**63 else "a whole number of at most 64 bits"
    if isinstance(value, float):
        return None if math.isfinite(value) else "a finite number"
    return None if value is None else "text, a number, true or false, a list or a mapping"


def _key(place: tuple) -> str:
    return f"key '{'.'.join(map(str, place))}': " if place else ""


class _StrictLoader(CoreLoader):
    """The safe loader; a key that stands twice is an error, and every error says where."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"key '{key.value}' stands there twice", problem_mark=key.start_mark
                )
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
        return super().construct_mapping(node, deep)

    def construct_object(self, node, deep=False):
        try:
            return super().construct_object(node, deep)
        except ValueError:
            raise yaml.constructor.ConstructorError(
                problem=f"{shown(node.value)} is no possible value", problem_mark=node.start_mark
            ) from None
