"""HTML pages from Jinja templates."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"


def render_template(template_name: str, folder: Path = TEMPLATES, **values: Any) -> str:
    """Render a template. Values are escaped, unless they are `Markup`.

    Args:
        template_name: file name of the template.
        folder: folder of the template.
        values: variables of the template.

    Returns:
        HTML text.

    Raises:
        jinja2.UndefinedError: a variable of the template has no value.
    """
    jinja = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return jinja.get_template(template_name).render(**values)


def format_yaml(config: Mapping[str, Any]) -> str:
    """Return a configuration as YAML text."""
    # JSON converts paths, tuples and NumPy numbers to types that YAML supports.
    values = json.loads(json.dumps(config, default=str))
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
