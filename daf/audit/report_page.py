"""The audit as one HTML page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daf.report.page import render_template

TEMPLATES = Path(__file__).parent / "templates"


def audit_page(audit: Mapping[str, Any]) -> str:
    """The page, self-contained: what is wrong first, then what could not be checked.

    Args:
        audit: the content of audit.json.
    """
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
    shown = [group for group in groups if group[1]]
    return render_template("audit.html.j2", TEMPLATES, audit=audit, groups=shown)
