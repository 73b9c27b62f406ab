"""JSON as DAF writes it; what two readers could understand differently is refused."""

import json
import math
from typing import Any

MAX_DEPTH = 100
"""Levels of mappings and lists; what DAF writes has less than twenty."""

MAX_VALUES = 8_000_000
"""Of a text; each takes up to 250 bytes of memory."""

MAX_DIGITS = 20
"""Of a whole number; 64 bits have no more."""


def loads(text: str | bytes, max_values: int = MAX_VALUES) -> Any:
    """The content of a JSON text.

    Raises:
        ValueError: it is no JSON, a key stands twice in a mapping, a number is not finite or has
            more than 64 bits, or there is too much of it or too deep; the message is one line.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    if sum(map(text.count, ",[{")) > max_values:
        raise ValueError(f"more than {max_values} values")
    try:
        data = json.loads(
            text,
            object_pairs_hook=_mapping,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except RecursionError:
        raise ValueError(f"nested too deep; at most {MAX_DEPTH} levels are accepted") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"at {where}: {error.msg}") from None
    _check_depth(data)
    if "\\ud" in text or "\\uD" in text:  # half of a pair cannot be written again
        json.dumps(data, ensure_ascii=False).encode()
    return data


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"key {json.dumps(twice)[:80]} stands there twice")
    return found


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _float(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(f"{text[:40]} is no finite number")
    return found


def _int(text: str) -> int:
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
    raise ValueError(f"nested too deep; at most {MAX_DEPTH} levels are accepted")
