"""Parameters of a search space: lists of values or ranges, optionally under a condition."""

from typing import Annotated, Any, NamedTuple, Protocol, Self

from pydantic import BeforeValidator, Field, model_validator

from daf.config.conversion import convert_text, training_key_annotation
from daf.config.model import Float, Model
from daf.config.training import TrainingConfig

TRAINING, INIT_KWARGS, SHAPING = "training", "init_kwargs", "shaping"
"""Targets of a hyperparameter; also prefixes of its name, as in `training.learning_rate`."""

MAX_STEPS = 10_000
"""Maximum number of values of a range with `step`."""


def _wrap_in_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


class Parameter(Model):
    """One parameter of a search space; a plain list is short for its `values`."""

    values: tuple[Any, ...] | None = Field(
        default=None, min_length=1, description="possible values; null: a range from min to max"
    )
    min: Float | None = Field(default=None, description="lower bound of a range")
    max: Float | None = Field(default=None, description="upper bound of a range")
    log: bool = Field(default=False, description="true: logarithmic scale of a range")
    int: bool = Field(default=False, description="true: integers only")
    step: Float | None = Field(
        default=None, gt=0, description="distance between the values of a range; null: any value"
    )
    when: dict[str, Annotated[tuple[Any, ...], BeforeValidator(_wrap_in_list)]] = Field(
        default={},
        description="condition: the search uses this parameter only if other parameters have these "
        "values; empty: always",
    )

    @model_validator(mode="after")
    def _check_values_or_range(self) -> Self:
        if self.values is not None:
            if self.model_dump(exclude={"values", "when"}) != _EMPTY:
                raise ValueError("expected only 'values' and 'when', or a range without 'values'")
            for index, value in enumerate(self.values):
                if value in self.values[:index]:
                    raise ValueError(f"expected unique values; {value!r} is repeated")
            return self
        if self.min is None or self.max is None:
            raise ValueError("expected a list of values, or a mapping with 'min' and 'max'")
        if not self.min < self.max:
            raise ValueError(f"min {self.min:g} is not less than max {self.max:g}")
        if self.log and self.min <= 0:
            raise ValueError(f"min: got {self.min:g}; expected > 0 on a logarithmic scale")
        if self.log and self.step is not None:
            raise ValueError("'step' is not supported with 'log'")
        if self.step is not None and (self.max - self.min) / self.step >= MAX_STEPS:
            raise ValueError(f"step: got {self.step:g}; expected at most {MAX_STEPS} values")
        if self.int and any(n is not None and n % 1 for n in (self.min, self.max, self.step)):
            raise ValueError("with 'int', expected whole numbers as min, max and step")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Lower and upper bound of a range."""
        assert self.min is not None and self.max is not None, "a list of values has no bounds"
        return self.min, self.max


_EMPTY = {"min": None, "max": None, "log": False, "int": False, "step": None}


def _check_and_expand_value_list(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return {"values": value}
    if not isinstance(value, dict | Parameter):
        raise ValueError("expected a list of values, or a mapping with 'min' and 'max'")
    return value


class ParameterTarget(NamedTuple):
    """Setting that a hyperparameter of a search space changes.

    Attributes:
        section: `TRAINING`, `INIT_KWARGS` or `SHAPING`.
        key: key in this section.
    """

    section: str
    key: str


def parameter_target(hyperparameter_name: str) -> ParameterTarget:
    """Return the setting that a hyperparameter changes.

    Args:
        hyperparameter_name: key of the search space, such as `learning_rate` or
            `shaping.made_heart`.
    """
    key = hyperparameter_name.removeprefix(f"{TRAINING}.")
    prefix, dot, inner_key = key.partition(".")
    if dot and prefix in (INIT_KWARGS, SHAPING):
        return ParameterTarget(prefix, inner_key)
    if key in TrainingConfig.model_fields or key != hyperparameter_name:
        return ParameterTarget(TRAINING, key)
    return ParameterTarget(INIT_KWARGS, hyperparameter_name)


class HyperparameterConverter(Protocol):
    """Function that converts one raw value of a hyperparameter to its type."""

    def __call__(self, hyperparameter_name: str, raw_value: Any, /) -> Any:
        """Return the typed value."""


def convert_values_and_conditions(
    space: dict[str, Any], convert_value: HyperparameterConverter
) -> dict[str, Any]:
    """Return a search space whose lists and conditions have their text converted to types.

    Args:
        space: raw content of the key `search_space`.
        convert_value: function that converts one value.
    """

    def convert_all(name: str, values: Any) -> Any:
        if isinstance(values, list | tuple):
            return [convert_value(name, value) for value in values]
        return convert_value(name, values)

    def convert_parameter(name: str, value: Any) -> Any:
        if isinstance(value, Parameter):
            value = value.model_dump(exclude_unset=True)
        if isinstance(value, list | tuple):
            return convert_all(name, value)
        if not isinstance(value, dict):
            return value
        changes = {"values": convert_all(name, value["values"])} if "values" in value else {}
        if isinstance(conditions := value.get("when"), dict):
            changes["when"] = {key: convert_all(key, v) for key, v in conditions.items()}
        return value | changes

    return {name: convert_parameter(name, value) for name, value in space.items()}


def _convert_texts_to_training_types(space: Any) -> Any:
    """Convert training parameters; constructor types are available only after class loading."""

    def convert(name: str, value: Any) -> Any:
        target, key = parameter_target(name)
        types = {TRAINING: training_key_annotation(key), SHAPING: Float}
        return convert_text(value, types.get(target))

    is_mapping = isinstance(space, dict) and all(isinstance(name, str) for name in space)
    return convert_values_and_conditions(space, convert) if is_mapping else space


SearchSpace = Annotated[
    dict[str, Annotated[Parameter, BeforeValidator(_check_and_expand_value_list)]],
    BeforeValidator(_convert_texts_to_training_types),
    Field(min_length=1),
]
"""Parameters by name: hyperparameters of the training, or arguments of the policy class."""
