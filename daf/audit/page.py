"""The audit as one HTML page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"


def audit_page(audit: Mapping[str, Any]) -> str:
    """The page, self-contained: what is wrong first, then what could not be checked.

    Args:
        audit: the content of audit.json.
    """
    page = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("audit.html.j2")
    groups = [
        (title, [file for file in audit["files"] if (file["verdict"], file["result"]) == kind])
        for title, kind in (
            ("Changed results", ("changed", True)),
            ("Changed logs and timings", ("changed", False)),
            ("Results that could not be verified", ("unverifiable", True)),
            ("Verified results", ("verified", True)),
            ("Verified logs", ("verified", False)),
            ("Logs, timings and saved states that nobody vouches for", ("unverifiable", False)),
        )
    ]
    return page.render(audit=audit, groups=[group for group in groups if group[1]])
