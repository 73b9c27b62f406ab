"""One hyperparameter of a search: a list of values or a range, always or under a condition."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from daf.config.conversion import convert_text, training_type
from daf.config.model import Float, Model
from daf.config.training import TrainingConfig

TRAINING, CLASS, SHAPING = "training", "init_kwargs", "shaping"
"""Where a hyperparameter may belong; also prefixes of its name, `training.learning_rate`."""

MAX_STEPS = 10_000
"""Of a range with `step`."""


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


class Parameter(Model):
    """What a hyperparameter may be: `values`, or everything from `min` to `max`."""

    values: tuple[Any, ...] | None = Field(default=None, min_length=1, description="one of these")
    min: Float | None = Field(default=None, description="the least value")
    max: Float | None = Field(default=None, description="the largest value")
    log: bool = Field(default=False, description="draw on a logarithmic scale")
    int: bool = Field(default=False, description="whole numbers only")
    step: Float | None = Field(default=None, gt=0, description="only min, min + step, ...")
    when: dict[str, Annotated[tuple[Any, ...], BeforeValidator(_as_list)]] = Field(
        default={}, description="only in trials where another parameter has one of these values"
    )

    @model_validator(mode="after")
    def _check_values_or_range(self):
        if self.values is not None:
            if self.model_dump(exclude={"values", "when"}) != _EMPTY:
                raise ValueError("'values' stands alone or with 'when'; min, max, ... are a range")
            for number, value in enumerate(self.values):
                if value in self.values[:number]:
                    raise ValueError(f"{value!r} stands there twice")
            return self
        if self.min is None or self.max is None:
            raise ValueError("should be a list of values, or a mapping with 'min' and 'max'")
        if not self.min < self.max:
            raise ValueError(f"min {self.min:g} is not less than max {self.max:g}")
        if self.log and self.min <= 0:
            raise ValueError(f"a logarithmic scale begins above 0; got min {self.min:g}")
        if self.log and self.step is not None:
            raise ValueError("'step' has no meaning on a logarithmic scale")
        if self.step is not None and (self.max - self.min) / self.step >= MAX_STEPS:
            raise ValueError(
                f"'step' {self.step:g} makes more values; at most {MAX_STEPS} are possible"
            )
        if self.int and any(n is not None and n % 1 for n in (self.min, self.max, self.step)):
            raise ValueError("with 'int', min, max and step should be whole numbers")
        return self


_EMPTY = {"min": None, "max": None, "log": False, "int": False, "step": None}


def _expand_short_form(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return {"values": value}
    if not isinstance(value, dict | Parameter):
        raise ValueError("should be a list of values, or a mapping with 'min' and 'max'")
    return value


def belongs(name: str) -> tuple[str, str]:
    """Where the hyperparameter of a name belongs, and its key there."""
    plain = name.removeprefix(f"{TRAINING}.")
    part, dot, key = plain.partition(".")
    if dot and part in (CLASS, SHAPING):
        return part, key
    if plain in TrainingConfig.model_fields or plain != name:
        return TRAINING, plain
    return CLASS, name


def convert_space(space: dict[str, Any], convert: Callable[[str, Any], Any]) -> dict[str, Any]:
    """Return a search space whose lists and conditions have their text converted to types.

    Args:
        space: what stands under `search_space`, whatever it is.
        convert: of the hyperparameter of a name, a value to the value that it stands for.
    """

    def convert_all(name: str, values: Any) -> Any:
        if isinstance(values, list | tuple):
            return [convert(name, value) for value in values]
        return convert(name, values)

    def convert_parameter(name: str, value: Any) -> Any:
        if isinstance(value, Parameter):
            value = value.model_dump(exclude_unset=True)
        if isinstance(value, list | tuple):
            return convert_all(name, value)
        if not isinstance(value, dict):
            return value
        changes = {"values": convert_all(name, value["values"])} if "values" in value else {}
        if isinstance(conditions := value.get("when"), dict):
            changes["when"] = {other: convert_all(other, v) for other, v in conditions.items()}
        return value | changes

    return {name: convert_parameter(name, value) for name, value in space.items()}


def _convert_trained(space: Any) -> Any:
    """Convert what belongs to the training; the types of a class are known where it is loaded."""

    def convert(name: str, value: Any) -> Any:
        part, key = belongs(name)
        known = {TRAINING: training_type(key), SHAPING: Float}
        return convert_text(value, known.get(part))

    known = isinstance(space, dict) and all(isinstance(name, str) for name in space)
    return convert_space(space, convert) if known else space


SearchSpace = Annotated[
    dict[str, Annotated[Parameter, BeforeValidator(_expand_short_form)]],
    BeforeValidator(_convert_trained),
    Field(min_length=1),
]
"""Hyperparameter of the training or argument of the class -> what it may be."""
