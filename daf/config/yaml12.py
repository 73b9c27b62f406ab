"""YAML 1.2 (core schema), read and written with PyYAML, which implements YAML 1.1.

Scalars that the two versions read as different numbers or truth values (`010`, `1:30`, `no`) are
errors. https://yaml.org/spec/1.2.2/#103-core-schema
"""

import re
from typing import Any

import yaml

TAG_PREFIX = "tag:yaml.org,2002:"
SCALAR_PATTERNS = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    "merge": r"<<",  # not in the core schema, but in most readers
}
"""Patterns of unquoted scalars by tag suffix; the first match decides; otherwise text."""

AMBIGUOUS = re.compile(
    r"yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF"
    r"|[-+]?0[0-9_]+"
    r"|[-+]?0b[01_]+|[-+]0x[0-9a-fA-F_]+|0x[0-9a-fA-F_]*_[0-9a-fA-F_]*"
    r"|[-+]?[0-9]+(_[0-9_]*)?(:[0-5]?[0-9])+(\.[0-9_]*)?"
    r"|[-+]?[0-9]+_[0-9_]*(\.[0-9_]*)?([eE][-+][0-9]+)?"
)
"""Scalars that YAML 1.1 reads as another number or truth value than YAML 1.2."""


class CoreLoader(yaml.SafeLoader):
    """PyYAML's safe loader with the core schema."""

    yaml_implicit_resolvers: dict[str | None, list] = {}

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        """Compose a scalar that all YAML versions read alike."""
        _refuse_ambiguous_scalar(self.peek_event())
        return super().compose_scalar_node(anchor)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Construct an int from decimal, `0o` octal or `0x` hexadecimal digits."""
        text = self.construct_scalar(node)
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        """Construct a float, including `.inf` and `.nan`."""
        text = self.construct_scalar(node).lower()
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))


def _refuse_ambiguous_scalar(event: yaml.ScalarEvent) -> None:
    """Raise an error for an unquoted scalar that the YAML versions read differently."""
    if event.implicit[0] and event.tag is None and AMBIGUOUS.fullmatch(event.value):
        raise yaml.constructor.ConstructorError(
            problem=f"{event.value:.40} differs between YAML 1.1 and YAML 1.2; "
            "write a decimal number, true or false, or put it in quotes",
            problem_mark=event.start_mark,
        )


class Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper; quotes any text that either version reads as something else."""


for name, pattern in SCALAR_PATTERNS.items():
    CoreLoader.add_implicit_resolver(f"{TAG_PREFIX}{name}", re.compile(f"(?:{pattern})\\Z"), None)
for name in ("int", "float"):
    Dumper.add_implicit_resolver(
        f"{TAG_PREFIX}{name}", re.compile(f"(?:{SCALAR_PATTERNS[name]})\\Z"), None
    )
CoreLoader.add_constructor(f"{TAG_PREFIX}int", CoreLoader.construct_yaml_int)
CoreLoader.add_constructor(f"{TAG_PREFIX}float", CoreLoader.construct_yaml_float)


def dump_yaml(data: Any, **format_options: Any) -> str:
    """Return plain data as YAML, with keys in their present order.

    Args:
        data: plain data.
        **format_options: formatting options of `yaml.dump`.
    """
    return yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, **format_options)
