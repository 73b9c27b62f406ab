"""Local page with the learning curves of a results folder, for a browser on this machine.

The page is read-only. No part of a URL becomes a path, and the page loads nothing from elsewhere.
"""

import base64
import contextlib
import hashlib
import json
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from daf.config import ConfigError
from daf.errors import short_json
from daf.progress.page_data import build_page_data
from daf.progress.training_curves import ResultsCurveReader

REPORT_STYLE = "report/templates/report.css"
"""Style sheet of the reports within the package `daf`, for the same look."""

MIN_REFRESH_SECONDS = 1.0
"""Minimum age of the data before files are read again, for any number of browsers."""

LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
WILDCARD_HOSTS = ("", "0.0.0.0", "::")


def serve_learning_curves(results_dir: str, port: int, host: str = "127.0.0.1") -> None:
    """Serve the learning curves of a results folder until the user interrupts.

    Args:
        results_dir: results folder, which other processes may be changing.
        port: TCP port; 0: a free one.
        host: name or IPv4 address of this machine to listen on.

    Raises:
        ConfigError: the folder is missing, or host or port is not available; one line.
    """
    with PageServer(results_dir, port, host) as server:
        print(f"{results_dir}: learning curves at {server.url} (Ctrl-C stops)", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


class PageServer(ThreadingHTTPServer):
    """HTTP server of the page and of its data.

    Args:
        results_dir: results folder.
        port: TCP port; 0: a free one.
        host: name or IPv4 address of this machine to listen on.

    Attributes:
        url: address of the page.
        accepted_hosts: accepted names in the header `Host`.

    Raises:
        ConfigError: the folder is missing, or host or port is not available; one line.
    """

    daemon_threads = True

    def __init__(self, results_dir: str | Path, port: int, host: str = "127.0.0.1"):
        if not Path(results_dir).is_dir():
            raise ConfigError(f"{short_json(str(results_dir))} is not a results folder")
        if not 0 <= port < 2**16:
            raise ConfigError(f"port: got {port}; expected 0 to 65535")
        # Browsers send the address that they use, which is then none of `accepted_hosts`.
        if host in WILDCARD_HOSTS:
            raise ConfigError(f"host: got {short_json(host)}; expected one address of this machine")
        self.page = _render_page()
        self._data = _PageData(results_dir)
        try:
            super().__init__((host, port), _RequestHandler)
        except OSError as error:  # also for an unknown host
            reason = error.strerror or error
            raise ConfigError(f"cannot listen on {host}:{port}: {reason}") from None
        self.url = f"http://{host}:{self.server_port}/"
        self.accepted_hosts = {*LOCAL_HOSTS, host.lower()}

    def find_content(self, url_path: str) -> "_Content | None":
        """Return the content of a URL's path; None for an unknown path."""
        if url_path == "/":
            return self.page
        return self._data.refresh_if_old() if url_path == "/curves.json" else None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error of a response, unless the browser closed the connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Content(NamedTuple):
    """Body of a response.

    Attributes:
        body: encoded content.
        media_type: media type, with encoding.
        security_policy: content security policy.
    """

    body: bytes
    media_type: str
    security_policy: str


class _PageData:
    """Data of the page, at least as new as `MIN_REFRESH_SECONDS`."""

    def __init__(self, results_dir: str | Path):
        self._results_dir = results_dir
        self._reader = ResultsCurveReader(results_dir)
        self._lock = threading.Lock()
        self._next_refresh = 0.0
        self._content = _Content(b"", "application/json; charset=utf-8", "default-src 'none'")

    def refresh_if_old(self) -> _Content:
        """Return the data as JSON, from current files if the data are old."""
        with self._lock:
            if time.monotonic() >= self._next_refresh:
                data = build_page_data(self._results_dir, self._reader.read(), time.time())
                body = json.dumps(data, allow_nan=False).encode()
                self._content = self._content._replace(body=body)
                self._next_refresh = time.monotonic() + MIN_REFRESH_SECONDS
            return self._content


class _RequestHandler(BaseHTTPRequestHandler):
    """Responses to GET of the fixed paths; other methods have the status 405."""

    server: PageServer
    server_version, sys_version = "DAF", ""
    timeout = 20.0

    def do_GET(self) -> None:
        """Respond with a page."""
        # A foreign page whose DNS name resolves to this machine sends its own name.
        host = self.headers.get("Host", "")
        if _strip_port(host).lower() not in self.server.accepted_hosts:
            self.send_error(HTTPStatus.FORBIDDEN, f"Unknown host; open {self.server.url}")
            return
        content = self.server.find_content(self.path)
        if content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self._send_content(HTTPStatus.OK, content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send an error as plain text; the base class calls this for invalid requests, too."""
        if code == HTTPStatus.NOT_IMPLEMENTED:  # a method without do_METHOD
            code, message = HTTPStatus.METHOD_NOT_ALLOWED, None
        status = HTTPStatus(code)
        body = f"{status.value} {message or status.phrase}\n".encode(errors="replace")
        self._send_content(
            status, _Content(body, "text/plain; charset=utf-8", "default-src 'none'")
        )

    def _send_content(self, status: HTTPStatus, content: _Content) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content.media_type)
        self.send_header("Content-Length", f"{len(content.body)}")
        self.send_header("Content-Security-Policy", content.security_policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET")
        self.end_headers()
        if self.command != "HEAD":  # its responses have no body, also those of errors
            self.wfile.write(content.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a page that refreshes itself would fill the terminal."""


def _strip_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and (port.isdecimal() or not port) else host


def _render_page() -> _Content:
    """Return the page, with a policy that allows only its own style, script and data."""
    jinja = Environment(
        loader=PackageLoader("daf.progress"), autoescape=True, undefined=StrictUndefined
    )
    templates = files("daf.progress") / "templates"
    report_style = (files("daf") / REPORT_STYLE).read_text(encoding="utf-8")
    style = report_style + (templates / "curves.css").read_text(encoding="utf-8")
    script = (templates / "curves.js").read_text(encoding="utf-8")
    page = jinja.get_template("curves.html.j2").render(
        title="Learning curves", style=Markup(style), script=Markup(script)
    )
    policy = (
        f"default-src 'none'; connect-src 'self'; img-src data:; "
        f"style-src '{_compute_csp_hash(style)}'; script-src '{_compute_csp_hash(script)}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return _Content(page.encode(), "text/html; charset=utf-8", policy)


def _compute_csp_hash(text: str) -> str:
    """Compute the hash of an inline style or script, as a content security policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
