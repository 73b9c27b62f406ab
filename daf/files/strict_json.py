"""Strict JSON: anything that two readers could read differently is an error."""

import json
import math
from typing import Any

MAX_DEPTH = 100
"""Maximum nesting of mappings and lists; files of DAF have fewer than 20 levels."""

MAX_VALUES = 8_000_000
"""Maximum number of values in a text; each takes up to 250 bytes of memory."""

MAX_DIGITS = 20
"""Maximum digits of a whole number; 64 bits have at most 20."""


def loads(text: str | bytes, max_values: int = MAX_VALUES) -> Any:
    """Parse a JSON text.

    Args:
        text: JSON document.
        max_values: maximum number of values.

    Raises:
        ValueError: it is not JSON, has a duplicate key, a number that is not finite or has more
            than 64 bits, or too many or too deeply nested values; the message is one line.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    if sum(map(text.count, ",[{")) > max_values:
        raise ValueError(f"more than {max_values} values")
    try:
        data = json.loads(
            text,
            object_pairs_hook=_mapping_of_unique_keys,
            parse_constant=_refuse_nan_and_infinity,
            parse_float=_parse_finite_float,
            parse_int=_parse_bounded_int,
        )
    except RecursionError:
        raise ValueError(f"nested too deep; expected at most {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        position = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"at {position}: {error.msg}") from None
    _check_depth(data)
    if "\\ud" in text or "\\uD" in text:  # half of a surrogate pair cannot be encoded
        json.dumps(data, ensure_ascii=False).encode()
    return data


def _mapping_of_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        seen: set[str] = set()
        duplicate = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"duplicate key {json.dumps(duplicate)[:80]}")
    return mapping


def _refuse_nan_and_infinity(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _parse_finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is not a finite number")
    return value


def _parse_bounded_int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"{text[:40]} has more than 64 bits")
    return int(text)


def _check_depth(data: Any) -> None:
    level = [data]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ValueError(f"nested too deep; expected at most {MAX_DEPTH} levels")
