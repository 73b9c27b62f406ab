"""ConfigError and the wording of messages: one line with source, key, value and expectation."""

import contextlib
import difflib
import json
import re
from collections.abc import Collection, Iterator
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


class ConfigError(ValueError):
    """Invalid input of a user. The message is one line: source, key, value, expectation."""

    def __init__(self, message: str):
        super().__init__(escape_unprintable(" ".join(message.split())))


def escape_unprintable(line: str) -> str:
    """Escape control characters, because a quoted input must not control the terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def describe_os_error(error: OSError) -> str:
    """Return the file name and the reason of an OSError."""
    file_name = f"{short_json(str(error.filename))}: " if error.filename is not None else ""
    return f"{file_name}{error.strerror or error}"


@contextlib.contextmanager
def error_context(source: str) -> Iterator[None]:
    """Prefix every `ConfigError` of the block with its source; convert every OSError to one.

    Args:
        source: file, key or other location of the input.
    """
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None
    except OSError as error:  # such as a file name that is too long
        raise ConfigError(f"{source}: {describe_os_error(error)}") from None


EXPECTED = {
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "dict_type": "expected a mapping of keys to values",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "int_type": "expected a whole number",
    "list_type": "expected a list",
    "model_type": "expected a mapping of keys to values",
    "string_type": "expected text",
    "tuple_type": "expected a list",
}
"""Expectations in the terms of YAML, by pydantic's type of error."""

COMPARISONS = {
    "greater than or equal to": "a value >=",
    "greater than": "a value >",
    "less than or equal to": "a value <=",
    "less than": "a value <",
}
"""Short forms of pydantic's comparisons."""


def suggest_choice(unknown_word: str, choices: Collection[str]) -> str:
    """Return `did you mean 'x'? ` for the choice closest to a word, and the list of all choices."""
    close = difflib.get_close_matches(str(unknown_word), choices, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}accepted: {', '.join(choices) or 'none'}"


def short_json(value: Any) -> str:
    """Return a value as JSON of at most 80 characters, for a message."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def describe_validation_error(error: ValidationError, model: type[BaseModel]) -> str:
    """Return the first problem of a pydantic error as one line: key, value, expectation.

    Unknown keys come first, because a misspelled key explains a missing one.
    """
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    first = problems[0]
    # An invalid item makes pydantic also report the list as too short.
    others = [p for p in problems[1:] if p["loc"] != first["loc"][: len(p["loc"])]]
    count = f" (and {len(others)} more)" if others else ""
    return _describe_problem(first, model) + count


def _describe_problem(problem: ErrorDetails, model: type[BaseModel]) -> str:
    keys, owner = _locate_problem(problem["loc"], model)
    key, kind, context = ".".join(keys), problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown key '{key}'; {suggest_choice(keys[-1], sorted(owner.model_fields))}"
    if kind == "missing":
        required = [name for name, field in owner.model_fields.items() if field.is_required()]
        return f"key '{key}' is missing; required: {', '.join(required)}"
    if kind == "union_tag_invalid":
        key = f"{key}.{context['discriminator'].strip(chr(39))}"
        choices = re.findall(r"'(\w+)'", context["expected_tags"])
        return (
            f"key '{key}': got {short_json(context['tag'])}; "
            f"{suggest_choice(context['tag'], choices)}"
        )
    if kind == "literal_error":
        reason = suggest_choice(problem["input"], re.findall(r"'(\w+)'", context["expected"]))
        if problem["loc"][-1] == "[key]":
            return f"unknown key '{key}'; {reason}"
        return f"key '{key}': got {short_json(problem['input'])}; {reason}"
    reason = EXPECTED.get(kind) or _expectation_from_pydantic(problem["msg"])
    if not key:
        return reason
    if kind == "value_error" and isinstance(problem["input"], dict):
        return f"key '{key}': {reason}"
    return f"key '{key}': got {short_json(problem['input'])}; {reason}"


def _expectation_from_pydantic(message: str) -> str:
    """Return a pydantic message without its prefix, in the form "expected E"."""
    text = re.sub(r"^(Value|Assertion) error, |^(Input|String|Tuple|Dictionary) ", "", message)
    text = text.replace(" after validation", "")
    text = re.sub(r"^should have (.*), not \d+$", r"expected \1", text)
    text = re.sub(r"^should (be|have) ", "expected ", text)
    comparison = re.match(rf"expected ({'|'.join(COMPARISONS)}) ", text)
    return text.replace(comparison[1], COMPARISONS[comparison[1]], 1) if comparison else text


class _ProblemLocation(NamedTuple):
    """Keys that lead to a problem, and the innermost model that contains it."""

    keys: list[str]
    owner: type[BaseModel]


def _locate_problem(location: tuple, model: type[BaseModel]) -> _ProblemLocation:
    """Return the location of a problem of pydantic.

    The keys omit pydantic's marks: the tag of a union's member, and `[key]` for a mapping's key.
    """
    keys: list[str] = []
    owner = model
    annotation: Any = model
    for part in location:
        while get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        inner = get_args(annotation)
        member = next((m for m in inner if _is_model(m) and _is_tagged_with(m, part)), None)
        if member:
            annotation = member
        elif part != "[key]":
            keys.append(str(part))
            if _is_model(annotation):
                owner, field = annotation, annotation.model_fields.get(part)
                annotation = field.annotation if field else None
            else:  # dict[str, annotation] or tuple[annotation, ...]
                annotation = inner[get_origin(annotation) is dict] if inner else None
    return _ProblemLocation(keys, owner)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _is_tagged_with(model: type[BaseModel], tag: Any) -> bool:
    return isinstance(tag, str) and any(tag == f.default for f in model.model_fields.values())
