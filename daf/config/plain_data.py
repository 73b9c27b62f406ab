"""Files of plain data: YAML or JSON in, everything odd refused."""

import errno
import math
from pathlib import Path
from typing import Any

import yaml

from daf.config.yaml12 import CoreLoader
from daf.errors import ConfigError, short_json
from daf.files import strict_json
from daf.files.safe_read import read_bytes

MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_JSON_BYTES = 128 * 1024 * 1024
MAX_VALUES = 100_000
MAX_DEPTH = 40
MAX_CHARACTERS = 10_000
"""Of anything but text; longer numbers take longer than their length says."""

TOO_MUCH = (
    f"too much data; at most {MAX_VALUES} values, nested at most {MAX_DEPTH} levels deep, are "
    "accepted (what an alias stands for counts each time)"
)


def load_yaml(path: str | Path) -> Any:
    """The content of a file in YAML 1.2 (core schema); an empty file is an empty mapping.

    Raises:
        ConfigError: naming the file and, for broken YAML, line and column.
    """
    return parse_yaml(_read_text(path, MAX_FILE_BYTES), str(path))


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
    except _TooMuch:
        raise ConfigError(f"{source}: {TOO_MUCH}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", f"{error}")
        raise ConfigError(f"{source}: not valid YAML{where}: {problem}") from None
    data = {} if data is None else data
    check_plain_data(data, source)
    return data


def load_json(
    path: str | Path, max_values: int = strict_json.MAX_VALUES, max_bytes: int = MAX_JSON_BYTES
) -> Any:
    """The content of a JSON file, as DAF writes them.

    Raises:
        ConfigError: naming the file: unreadable, too large, or not JSON (NaN is not).
    """
    return parse_json(_read_text(path, max_bytes), str(path), max_values)


def parse_json(text: str | bytes, source: str, max_values: int = strict_json.MAX_VALUES) -> Any:
    """The content of a JSON text, as DAF writes them.

    Args:
        source: where it comes from, named in the error.
        max_values: that it may have.

    Raises:
        ConfigError: naming the source: not JSON, or what `daf.files.strict_json` refuses.
    """
    try:
        return strict_json.loads(text, max_values)
    except ValueError as error:
        raise ConfigError(f"{source}: not valid JSON: {error}") from None


def _read_text(path: str | Path, most: int) -> str:
    try:
        content = read_bytes(path, most)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise ConfigError(f"{path}: larger than {most} bytes") from None
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise ConfigError(f"{short_json(str(path))}: no possible name of a file") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file in UTF-8") from None


def check_plain_data(data: Any, source: str) -> None:
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
            raise ConfigError(f"{source}: {TOO_MUCH}")
        if isinstance(value, dict):
            for name in value:
                if not isinstance(name, str):
                    raise ConfigError(
                        f"{source}: {_key_prefix(place)}has the key {short_json(name)}, which YAML does not "
                        "read as text; put it in quotes"
                    )
            waiting += [((*place, name), inner) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [((*place, number), inner) for number, inner in enumerate(value)]
        elif accepted := _expected_scalar(value):
            text = hex(value) if isinstance(value, int) else repr(value)
            raise ConfigError(f"{source}: {_key_prefix(place)}got {text:.80}; should be {accepted}")


def _expected_scalar(value: Any) -> str | None:
    """What should stand there instead of `value`; None if it is a fine scalar."""
    if isinstance(value, str):
        if "\0" in value:
            return "text without NUL characters"
        return None if _writable(value) else "text of characters that can be written"
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**63 else "a whole number of at most 64 bits"
    if isinstance(value, float):
        return None if math.isfinite(value) else "a finite number"
    return None if value is None else "text, a number, true or false, a list or a mapping"


def _writable(text: str) -> bool:
    """Whether a text can stand in a file; half of a surrogate pair cannot."""
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)


def _key_prefix(place: tuple) -> str:
    return f"key '{'.'.join(map(str, place))}': " if place else ""


class _TooMuch(Exception):
    """A text stands for more data than is accepted."""


class _StrictLoader(CoreLoader):
    """The safe loader; a key that stands twice is an error, and every error says where. How much
    data a text stands for is known before any of it is made."""

    def __init__(self, text: str):
        super().__init__(text)
        self._nodes = 0

    def compose_node(self, parent, index):
        self._nodes += 1
        if self._nodes > MAX_VALUES:
            raise _TooMuch
        return super().compose_node(parent, index)

    def get_single_node(self):
        node = super().get_single_node()
        if node is not None:
            _size(node, {})
        return node

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
        scalar = isinstance(node, yaml.ScalarNode)
        try:
            if scalar and node.tag != TEXT and len(node.value) > MAX_CHARACTERS:
                raise ValueError
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError, OverflowError):
            value = short_json(node.value) if scalar else "this"
            raise yaml.constructor.ConstructorError(
                problem=f"{value} is no possible value", problem_mark=node.start_mark
            ) from None


TEXT = "tag:yaml.org,2002:str"


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node stands for, aliases and merged mappings counted each time.

    Raises:
        _TooMuch: more than are accepted, or a node within itself.
    """
    if id(node) not in known:
        known[id(node)] = MAX_VALUES  # until it is known: what a node within itself comes to
        parts = () if isinstance(node, yaml.ScalarNode) else node.value
        if isinstance(node, yaml.MappingNode):
            parts = (part for pair in parts for part in pair)
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    if known[id(node)] > MAX_VALUES:
        raise _TooMuch
    return known[id(node)]
