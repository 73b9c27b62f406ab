"""Loading of YAML and JSON as plain data, with size limits and without ambiguous content."""

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
"""Maximum length of scalars other than text; parsing of numbers takes superlinear time."""

KEY_WITH_INTEGER_KEYS = "data_paths"
"""The only key of a configuration whose mapping may have whole numbers as keys."""

MERGE_TAG = "tag:yaml.org,2002:merge"
TEXT_TAG = "tag:yaml.org,2002:str"
TOO_LARGE = (
    f"too much data; expected at most {MAX_VALUES} values, nested at most {MAX_DEPTH} levels deep "
    "(each use of an alias counts)"
)


def load_yaml(path: str | Path) -> Any:
    """Load a file in YAML 1.2 (core schema); an empty file is an empty mapping.

    Raises:
        ConfigError: the file is unreadable or invalid; names the file and, for broken YAML, line
            and column.
    """
    return parse_yaml(_read_text(path, MAX_FILE_BYTES), str(path))


def parse_yaml(text: str, source: str) -> Any:
    """Parse a text in YAML 1.2 (core schema); an empty text is an empty mapping.

    Args:
        text: YAML document.
        source: origin of the text, the prefix of error messages.

    Raises:
        ConfigError: the text is invalid; names the source and, for broken YAML, line and column.
    """
    try:
        data = yaml.load(text, Loader=_SizeLimitedUniqueKeyLoader)
    except RecursionError:
        raise ConfigError(f"{source}: nested more than {MAX_DEPTH} levels deep") from None
    except _TooManyYAMLValuesError:
        raise ConfigError(f"{source}: {TOO_LARGE}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        position = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", f"{error}")
        raise ConfigError(f"{source}: not valid YAML{position}: {problem}") from None
    data = {} if data is None else data
    check_plain_data(data, source)
    return data


def load_json(
    path: str | Path, max_values: int = strict_json.MAX_VALUES, max_bytes: int = MAX_JSON_BYTES
) -> Any:
    """Load a JSON file, as DAF writes them.

    Args:
        path: path of the file.
        max_values: maximum number of values in the file.
        max_bytes: maximum size of the file.

    Raises:
        ConfigError: the file is unreadable, too large, or not JSON (NaN is not); names the file.
    """
    return parse_json(_read_text(path, max_bytes), str(path), max_values)


def parse_json(text: str | bytes, source: str, max_values: int = strict_json.MAX_VALUES) -> Any:
    """Parse a JSON text, as DAF writes them.

    Args:
        text: JSON document.
        source: origin of the text, the prefix of error messages.
        max_values: maximum number of values in the text.

    Raises:
        ConfigError: the text is not JSON, or `daf.files.strict_json` refuses it; names the source.
    """
    try:
        return strict_json.loads(text, max_values)
    except ValueError as error:
        raise ConfigError(f"{source}: not valid JSON: {error}") from None


def _read_text(path: str | Path, max_bytes: int) -> str:
    try:
        content = read_bytes(path, max_bytes)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise ConfigError(f"{path}: larger than {max_bytes} bytes") from None
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise ConfigError(f"{short_json(str(path))}: not a valid file name") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file in UTF-8") from None


def check_plain_data(data: Any, source: str) -> None:
    """Check that JSON can hold the data and that aliases do not expand beyond the size limits.

    Args:
        data: plain data.
        source: origin of the data, the prefix of error messages.

    Raises:
        ConfigError: it cannot, or they do; names source, key and value.
    """
    pending: list[tuple[tuple[str | int, ...], Any]] = [((), data)]
    count = 0
    while pending:
        key_path, value = pending.pop()
        count += 1
        if count > MAX_VALUES or len(key_path) > MAX_DEPTH:
            raise ConfigError(f"{source}: {TOO_LARGE}")
        if isinstance(value, dict):
            may_be_integer = key_path[-1:] == (KEY_WITH_INTEGER_KEYS,) and len(key_path) <= 3
            for name in value:
                if not (isinstance(name, str) or (may_be_integer and type(name) is int)):
                    raise ConfigError(
                        f"{source}: {_format_key_path(key_path)}got the key {short_json(name)}; "
                        "expected text; put it in quotes"
                    )
            pending += [((*key_path, name), inner) for name, inner in value.items()]
        elif isinstance(value, list):
            pending += [((*key_path, index), inner) for index, inner in enumerate(value)]
        elif expected := _find_violated_scalar_expectation(value):
            text = hex(value) if isinstance(value, int) else repr(value)
            raise ConfigError(
                f"{source}: {_format_key_path(key_path)}got {text:.80}; expected {expected}"
            )


def _find_violated_scalar_expectation(value: Any) -> str | None:
    """Return a description of the expected scalar; None for a valid one."""
    if isinstance(value, str):
        if "\0" in value:
            return "text without NUL characters"
        return None if _is_utf8_encodable(value) else "text that UTF-8 can encode"
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**63 else "a whole number of at most 64 bits"
    if isinstance(value, float):
        return None if math.isfinite(value) else "a finite number"
    return None if value is None else "text, a number, true or false, a list or a mapping"


def _is_utf8_encodable(text: str) -> bool:
    """Return whether UTF-8 can encode a text; it has no code for half of a surrogate pair."""
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)


def _format_key_path(key_path: tuple[str | int, ...]) -> str:
    """Return the keys and indices of a value as the prefix of an error."""
    return f"key '{'.'.join(map(str, key_path))}': " if key_path else ""


class _TooManyYAMLValuesError(Exception):
    """A text expands to more data than the limits allow."""


class _SizeLimitedUniqueKeyLoader(CoreLoader):
    """Safe loader that refuses duplicate keys and counts values before it constructs any."""

    def __init__(self, text: str):
        super().__init__(text)
        self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._nodes += 1
        if self._nodes > MAX_VALUES:
            raise _TooManyYAMLValuesError
        return super().compose_node(parent, index)

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None:
            _count_expanded_values(node, {})
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        is_merged = any(key.tag == MERGE_TAG for key, _ in pairs)
        seen = set()
        for key, _ in pairs:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"duplicate key '{key.value}'", problem_mark=key.start_mark
                )
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value) and not is_merged:  # such as 1 and 0x1
            raise yaml.constructor.ConstructorError(
                problem="duplicate key", problem_mark=node.start_mark
            )
        return mapping

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        scalar = isinstance(node, yaml.ScalarNode)
        try:
            if scalar and node.tag != TEXT_TAG and len(node.value) > MAX_CHARACTERS:
                raise ValueError
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError, OverflowError):
            value = short_json(node.value) if scalar else "this"
            raise yaml.constructor.ConstructorError(
                problem=f"{value} is not a valid value", problem_mark=node.start_mark
            ) from None


def _count_expanded_values(node: yaml.Node, count_by_node_id: dict[int, int]) -> int:
    """Return the number of values of a node, with each use of an alias or merged mapping counted.

    Args:
        node: node of a YAML document.
        count_by_node_id: number of values of each visited node.

    Raises:
        _TooManyYAMLValuesError: the number exceeds the limit, or a node contains itself.
    """
    if id(node) not in count_by_node_id:
        count_by_node_id[id(node)] = MAX_VALUES  # count of a node that contains itself
        parts = () if isinstance(node, yaml.ScalarNode) else node.value
        if isinstance(node, yaml.MappingNode):
            parts = (part for pair in parts for part in pair)
        count_by_node_id[id(node)] = 1 + sum(
            _count_expanded_values(part, count_by_node_id) for part in parts
        )
    if count_by_node_id[id(node)] > MAX_VALUES:
        raise _TooManyYAMLValuesError
    return count_by_node_id[id(node)]
