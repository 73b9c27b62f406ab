"""Conversion of text values to the type of the key that they set.

YAML 1.1 reads `1e-3` as text, and JSON or Python may pass any number as text.
"""

from functools import cache
from typing import Annotated, Any, get_type_hints

from pydantic import BeforeValidator, ConfigDict, TypeAdapter

from daf.config.model import convert_numeric_text
from daf.config.training import TrainingConfig

_TYPES = get_type_hints(TrainingConfig, include_extras=True)


def training_key_annotation(key: str) -> Any:
    """Return the annotation of a key of `training`; None for an unknown key."""
    return _TYPES.get(key)


def convert_text(value: Any, annotation: Any) -> Any:
    """Return a value with its text converted to a type, as plain data.

    Values without text, and text that the type refuses, are returned unchanged. The code that
    uses the value raises the error, because it has the name of the key.

    Args:
        value: plain data.
        annotation: target type; None if unknown.
    """
    if annotation is None or not contains_text(value):
        return value
    try:
        adapter = _type_adapter(annotation)
        return adapter.dump_python(adapter.validate_python(value), mode="json")
    except Exception:  # annotations of user classes can be anything, and raise anything
        return value


def contains_text(value: Any) -> bool:
    """Return whether plain data is text or contains text."""
    if isinstance(value, dict):
        return any(map(contains_text, value.values()))
    if isinstance(value, list | tuple):
        return any(map(contains_text, value))
    return isinstance(value, str)


@cache
def _type_adapter(annotation: Any) -> TypeAdapter:
    if annotation in (int, int | None):  # pydantic's int reads `64`, but not `1e3`
        annotation = annotation | Annotated[int, BeforeValidator(convert_numeric_text)]
    return TypeAdapter(
        annotation, config=ConfigDict(allow_inf_nan=False, arbitrary_types_allowed=True)
    )
