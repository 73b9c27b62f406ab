"""One hyperparameter of a search: a list of values or a range, always or under a condition."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from daf.config.model import Model, Number

MAX_STEPS = 10_000
"""Of a range with `step`."""


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


class Parameter(Model):
    """What a hyperparameter may be: `values`, or everything from `min` to `max`."""

    values: tuple[Any, ...] | None = Field(default=None, min_length=1, description="one of these")
    min: Number | None = Field(default=None, description="the least value")
    max: Number | None = Field(default=None, description="the largest value")
    log: bool = Field(default=False, description="draw on a logarithmic scale")
    int: bool = Field(default=False, description="whole numbers only")
    step: Number | None = Field(default=None, gt=0, description="only min, min + step, ...")
    when: dict[str, Annotated[tuple[Any, ...], BeforeValidator(_listed)]] = Field(
        default={}, description="only in trials where another parameter has one of these values"
    )

    @model_validator(mode="after")
    def _list_or_range(self):
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


def _short_form(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return {"values": value}
    if not isinstance(value, dict | Parameter):
        raise ValueError("should be a list of values, or a mapping with 'min' and 'max'")
    return value


SearchSpace = Annotated[
    dict[str, Annotated[Parameter, BeforeValidator(_short_form)]], Field(min_length=1)
]
"""Hyperparameter of the training or argument of the class -> what it may be."""
