"""The pages of the reports: templates with everything in them that a page needs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"


def render_template(template: str, folder: Path = TEMPLATES, **values: Any) -> str:
    """A template of a folder with its values as HTML text; what is not `Markup` is escaped.

    Raises:
        jinja2.UndefinedError: the template asks for a value that is not given.
    """
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def as_yaml(config: Mapping[str, Any]) -> str:
    """A configuration for reading."""
    # Through JSON, so that paths, tuples and numbers of numpy become what YAML knows.
    values = json.loads(json.dumps(config, default=str))
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
