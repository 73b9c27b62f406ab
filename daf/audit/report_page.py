"""HTML page of an audit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daf.report.page import render_template

TEMPLATES = Path(__file__).parent / "templates"


def render_audit_page(audit_json: Mapping[str, Any]) -> str:
    """Render the self-contained page: changed files first, then unverifiable and verified ones.

    Args:
        audit_json: content of audit.json.
    """
    groups = [
        (title, [file for file in audit_json["files"] if (file["verdict"], file["result"]) == kind])
        for title, kind in (
            ("Changed results", ("changed", True)),
            ("Changed logs and timings", ("changed", False)),
            ("Results that could not be verified", ("unverifiable", True)),
            ("Verified results", ("verified", True)),
            ("Verified logs", ("verified", False)),
            ("Logs, timings and resume states, which are not verified", ("unverifiable", False)),
        )
    ]
    non_empty = [group for group in groups if group[1]]
    return render_template("audit.html.j2", TEMPLATES, audit=audit_json, groups=non_empty)
