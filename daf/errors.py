"""What is said about a wrong configuration: one line with source, key, value, what is accepted."""

import contextlib
import difflib
import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


class ConfigError(ValueError):
    """Something given is wrong. The message is one line: source, key, value, what is accepted."""

    def __init__(self, message: str):
        super().__init__(printable(" ".join(message.split())))


def printable(line: str) -> str:
    """A line with texts that were given in it: they must not command the terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def os_error_text(error: OSError) -> str:
    """What is wrong with a file, in words."""
    named = f"{short_json(str(error.filename))}: " if error.filename is not None else ""
    return f"{named}{error.strerror or error}"


@contextlib.contextmanager
def error_context(place: str) -> Iterator[None]:
    """Say in every `ConfigError` of the block, and of every file that fails, where it happened."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from None
    except OSError as error:  # such as a name that is too long
        raise ConfigError(f"{place}: {os_error_text(error)}") from None


EXPECTED = {
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
    "dict_type": "should be a mapping of keys to values",
    "float_parsing": "should be a number",
    "float_type": "should be a number",
    "int_type": "should be a whole number",
    "list_type": "should be a list",
    "model_type": "should be a mapping of keys to values",
    "string_type": "should be text",
    "tuple_type": "should be a list",
}
"""Pydantic's kinds of mistakes that need other words for people who write YAML."""


def suggest(word: str, choices: list[str]) -> str:
    """`did you mean 'x'? ` if a choice is close to `word`, and the list of all choices."""
    close = difflib.get_close_matches(str(word), choices, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}accepted: {', '.join(choices) or 'none'}"


def short_json(value: Any) -> str:
    """A value as it may stand in a message: JSON, shortened."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def describe(error: ValidationError, model: type[BaseModel]) -> str:
    """The first mistake of a pydantic error as one line: key, value, what would be accepted.

    Unknown keys come first: a misspelt key explains a missing one.
    """
    mistakes = sorted(error.errors(), key=lambda mistake: mistake["type"] != "extra_forbidden")
    first = mistakes[0]
    # A mistake in an item makes pydantic also report the list as too short.
    others = [m for m in mistakes[1:] if m["loc"] != first["loc"][: len(m["loc"])]]
    more = f" (and {len(others)} more)" if others else ""
    return _error_line(first, model) + more


def _error_line(mistake: ErrorDetails, model: type[BaseModel]) -> str:
    keys, owner = _key_path(mistake["loc"], model)
    key, kind, context = ".".join(keys), mistake["type"], mistake.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown key '{key}'; {suggest(keys[-1], sorted(owner.model_fields))}"
    if kind == "missing":
        required = [name for name, field in owner.model_fields.items() if field.is_required()]
        return f"key '{key}' is missing; required: {', '.join(required)}"
    if kind == "union_tag_invalid":
        key = f"{key}.{context['discriminator'].strip(chr(39))}"
        choices = re.findall(r"'(\w+)'", context["expected_tags"])
        return f"key '{key}': got {short_json(context['tag'])}; {suggest(context['tag'], choices)}"
    if kind == "literal_error":
        reason = suggest(mistake["input"], re.findall(r"'(\w+)'", context["expected"]))
        if mistake["loc"][-1] == "[key]":
            return f"unknown key '{key}'; {reason}"
        return f"key '{key}': got {short_json(mistake['input'])}; {reason}"
    reason = EXPECTED.get(kind) or _strip_pydantic_prefix(mistake["msg"])
    if not key:
        return reason
    if kind == "value_error" and isinstance(mistake["input"], dict):
        return f"key '{key}': {reason}"
    return f"key '{key}': got {short_json(mistake['input'])}; {reason}"


def _strip_pydantic_prefix(message: str) -> str:
    text = re.sub(r"^(Value|Assertion) error, |^(Input|String|Tuple|Dictionary) ", "", message)
    return text.replace(" after validation", "")


def _key_path(location: tuple, model: type[BaseModel]) -> tuple[list[str], type[BaseModel]]:
    """The keys that lead to a mistake, without pydantic's own marks, and the last model on the way.

    The marks are the tag of a union's member and `[key]` for the key of a mapping.
    """
    keys, owner, here = [], model, model
    for part in location:
        while get_origin(here) is Annotated:
            here = get_args(here)[0]
        inner = get_args(here)
        member = next((m for m in inner if _is_model(m) and _has_tag(m, part)), None)
        if member:
            here = member
        elif part != "[key]":
            keys.append(str(part))
            if _is_model(here):
                owner, field = here, here.model_fields.get(part)
                here = field.annotation if field else None
            else:  # dict[str, here] or tuple[here, ...]
                here = inner[get_origin(here) is dict] if inner else None
    return keys, owner


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _has_tag(model: type[BaseModel], tag: Any) -> bool:
    return isinstance(tag, str) and any(tag == f.default for f in model.model_fields.values())
