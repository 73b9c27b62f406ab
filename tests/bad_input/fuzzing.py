"""Random and damaged input, and calls that succeed or raise an error of one line."""

import copy
import json
import os
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from daf.config import ConfigError

fuzzed = settings(
    max_examples=int(os.environ.get("DAF_EXAMPLES", "100")),
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", ".", "../x", "a/b", "<b>", "x" * 300, "\x1b[2J", "\u2028", "1e3", "ü", "\0"]
    ),
)
NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, -1, 2**31, 2**63, 10**30, 1e308, float("nan"), float("inf")]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=5,
)


def key_paths(data, parent=()) -> list[tuple]:
    """Return the key path of every value of nested data."""
    inner = data.items() if isinstance(data, dict) else enumerate(data)
    return [
        path
        for key, value in inner
        for path in (
            (*parent, key),
            *(key_paths(value, (*parent, key)) if isinstance(value, dict | list) else ()),
        )
    ]


@st.composite
def mutated(draw, data):
    """Draw valid data with 1 to 3 values replaced, removed or added."""
    data = copy.deepcopy(data)
    for _ in range(draw(st.integers(1, 3))):
        paths = key_paths(data)
        if not paths:
            break
        *parents, key = draw(st.sampled_from(paths))
        container = data
        for parent in parents:
            container = container[parent]
        action = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
        if action == "remove":
            del container[key]
        elif action == "add" and isinstance(container, dict):
            container[draw(TEXTS)] = draw(VALUES)
        else:
            container[key] = draw(VALUES)
    return data


@st.composite
def damaged(draw, content: bytes):
    """Draw the content of a file with bytes changed, truncated or repeated."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        changed[draw(st.integers(0, len(changed) - 1))] = draw(st.integers(0, 255))
    end = draw(st.one_of(st.just(len(changed)), st.integers(0, len(changed))))
    return bytes(changed[:end]) * draw(st.sampled_from([1, 1, 1, 2]))


def to_json(data) -> bytes:
    return json.dumps(data).encode()


def try_call(call, *arguments, error=ConfigError, names=""):
    """Return the result of a call; None if it failed with a one-line error."""
    try:
        return call(*arguments)
    except error as refused:
        line = str(refused)
        assert line.strip() and line.splitlines() == [line] and line.isprintable()
        assert names in line
        return None


def write_file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
