"""Generated parts of the documentation, a hook of MkDocs.

A line `<!-- generated: NAME -->` of a page is replaced by the Markdown that `PARTS[NAME]` makes
from the configuration classes and from the parsers of the command line.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import types
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

LIMIT = 1e9  # bound of every number of a configuration, not shown
MARK = re.compile(r"^<!-- generated: (.+) -->$", re.MULTILINE)
TOOLS = ("daf.cluster.cost_forecast", "daf.sim.benchmark", "daf.learn.benchmark")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marked lines of a page."""
    return MARK.sub(lambda match: PARTS[match[1]](), markdown)


def models(*roots: type[BaseModel]) -> dict[type[BaseModel], str]:
    """Return the models that some roots consist of, each with its first key path."""
    paths: dict[type[BaseModel], str] = {}
    waiting = [(root, "") for root in roots]
    while waiting:
        model, path = waiting.pop(0)
        if model in paths:
            continue
        paths[model] = path
        for key, field in model.model_fields.items():
            inner = f"{path}.{key}" if path else key
            waiting += [(part, inner) for part in _models_in(field.annotation)]
    return paths


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def model_section(model: type[BaseModel], path: str, documented: Collection[type] = ()) -> str:
    """Return the heading and the table of the keys of one model, without documented keys."""
    title = f"`{path}`" if path else "Top level"
    bases = [base for base in model.__bases__ if base in documented]
    rows = [
        f"| `{key}` | {type_text(field)} | {default_text(field)} | {range_text(field)} "
        f"| {cell(field.description or '')} |"
        for key, field in model.model_fields.items()
        if not any(key in base.model_fields for base in bases)
    ]
    head = ["| key | type | default | accepted | meaning |", "|---|---|---|---|---|"]
    anchor = f"{{ #{model.__name__.lower()} }}"
    package = ".".join(model.__module__.split(".")[:2])
    class_line = f"Class `{model.__name__}` of `{package}`."
    return "\n".join([f"### {title} {anchor}", "", class_line, "", *head, *rows, ""])


def cell(text: str) -> str:
    """Return a text with escapes for a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")


def type_text(field: FieldInfo) -> str:
    """Return the type of a key as users write it."""
    return cell(_type_text(field.annotation))


def _type_text(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_text(parts[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in parts)
    if origin in (Union, types.UnionType):
        return " or ".join(_type_text(part) for part in parts)
    if origin is tuple:
        return f"list of {_type_text(parts[0])}"
    if origin is dict:
        return f"mapping to {_type_text(parts[1])}"
    if annotation is type(None):
        return "null"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return {str: "text", int: "integer", float: "number", bool: "boolean", Any: "any value"}.get(
        annotation, str(annotation)
    )


def default_text(field: FieldInfo) -> str:
    """Return the default of a key."""
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        return "its defaults"
    if default == "":
        return '`""`'
    if default is None or isinstance(default, bool):
        return f"`{ {None: 'null', True: 'true', False: 'false'}[default] }`"
    if isinstance(default, tuple):
        values = [
            value.model_dump(mode="json", exclude_defaults=True)
            if isinstance(value, BaseModel)
            else value
            for value in default
        ]
        return cell(f"`{values}`")
    return cell(f"`{default}`")


def range_text(field: FieldInfo) -> str:
    """Return the range of a key, and of the elements of a list."""
    texts = [text for item in field.metadata for text in _bounds(item)]
    for part in get_args(field.annotation):
        if get_origin(part) is Annotated or isinstance(part, FieldInfo):
            texts += [text for item in get_args(part)[1:] for text in _bounds(item)]
    return ", ".join(dict.fromkeys(texts))


def _bounds(item: Any) -> Iterator[str]:
    if isinstance(item, FieldInfo):
        for inner in item.metadata:
            yield from _bounds(inner)
    if isinstance(item, MinLen):
        yield "not empty"
    for kind, name, sign in ((Ge, "ge", "≥"), (Gt, "gt", ">"), (Le, "le", "≤"), (Lt, "lt", "<")):
        if isinstance(item, kind) and abs(bound := getattr(item, name)) != LIMIT:
            yield f"{sign} {_number(bound)}"


def _number(value: float) -> str:
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else f"{value:g}"


def configuration_keys() -> str:
    """Return one table for each model of the configuration classes."""
    from daf.config import BenchmarkConfig, DAFConfig, DAFSweepConfig, ExecutionConfig

    sections = []
    written: set[type[BaseModel]] = set()
    for title, root in (
        ("Benchmarks and comparisons", BenchmarkConfig),
        ("Sweeps", DAFSweepConfig),
        ("Pipelines", DAFConfig),
    ):
        sections += [f"## {title}", ""]
        parts = models(root)
        sections += [
            model_section(part, parts[part], written) for part in parts if part not in written
        ]
        written |= parts.keys()
        if issubclass(root, ExecutionConfig):
            sections += ["The other keys are those of [ExecutionConfig](#executionconfig).", ""]
    return "\n".join(sections)


def mission_keys() -> str:
    """Return one table for each model of a mission."""
    from daf.missions import Mission

    return "\n".join(model_section(model, path) for model, path in models(Mission).items())


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of every command of `daf`, by its words."""
    from daf.cli.commands import COMMANDS
    from daf.cli.parser import ListOptionParser

    root = ListOptionParser(prog="daf")
    commands = root.add_subparsers(metavar="COMMAND")
    for add in COMMANDS:
        add(commands)
    result: dict[str, argparse.ArgumentParser] = {}
    waiting = [root]
    while waiting:
        parser = waiting.pop(0)
        children = [
            child
            for action in parser._actions
            if isinstance(action, argparse._SubParsersAction)
            for child in action.choices.values()
        ]
        waiting = children + waiting
        if not children:
            result[parser.prog] = parser
    return result


def commands() -> str:
    """Return one section for each command of `daf`."""
    return "\n".join(_command(name, parser) for name, parser in parsers().items())


def _command(name: str, parser: argparse.ArgumentParser) -> str:
    lines = [f"## {name}", "", parser.description or "", "", "```text", _usage(parser), "```", ""]
    rows = []
    for action in parser._actions:
        if action.help == argparse.SUPPRESS or "--help" in action.option_strings:
            continue
        flags = ", ".join(f"`{flag}`" for flag in action.option_strings) or f"`{action.dest}`"
        value = action.metavar or (action.dest.upper() if action.nargs != 0 else "")
        value = f" `{value}`" if action.option_strings and value else ""
        note = "required" if action.required and action.option_strings else ""
        note = "one or more" if action.nargs == "+" else note
        rows.append(f"| {flags}{value} | {note} | {cell(_help(action, parser))} |")
    if rows:
        lines += ["| argument | | meaning |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _help(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    return (action.help or "") % {**vars(action), "prog": parser.prog}


def _usage(parser: argparse.ArgumentParser) -> str:
    first, *others = parser.format_usage().removeprefix("usage: ").rstrip().splitlines()
    return "\n".join([first, *(f"    {line.strip()}" for line in others)])


def tools() -> str:
    """Return the help of the modules that `python -m` runs."""
    sections = []
    for module in TOOLS:
        help = subprocess.run(
            [sys.executable, "-m", module, "--help"],
            env=os.environ | {"COLUMNS": "90"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        sections.append(f"## python -m {module}\n\n```text\n{help.rstrip()}\n```\n")
    return "\n".join(sections)


def first_steps() -> str:
    """Return the cells of the notebook after the first one, which is the title of the page."""
    file = Path(__file__).parent / "tutorials" / "first_steps.ipynb"
    title, *cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(title["source"]).partition("\n")[2]]
    for cell in cells:
        text = "".join(cell["source"])
        texts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    return "\n\n".join(texts)


PARTS: dict[str, Callable[[], str]] = {
    "keys": configuration_keys,
    "mission keys": mission_keys,
    "commands": commands,
    "tools": tools,
    "first steps": first_steps,
}
