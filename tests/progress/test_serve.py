"""Server of the local page: only GET, only two paths, only local names."""

import http.client
import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from daf.config import ConfigError
from daf.files.parquet import save_table
from daf.progress.serve import PageServer
from tests.progress.live_results import curve_rows, open_running_run, write_finished_run


@pytest.fixture
def results(tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    return results


@pytest.fixture
def server(results) -> Iterator[PageServer]:
    with PageServer(results, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def request(server, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    return response.status, response.headers, response.read()


def page_data(server):
    status, headers, body = request(server, "/curves.json")
    assert status == 200 and headers["Content-Type"] == "application/json; charset=utf-8"
    return json.loads(body)


def test_page_and_data_have_security_headers(server):
    for path in ("/", "/curves.json", "/missing"):
        _, headers, _ = request(server, path)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "method",
    ["HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"],
)
def test_other_methods_are_refused(server, method):
    status, headers, body = request(server, "/", method)
    assert status == 405 and headers["Allow"] == "GET"
    assert body == (b"" if method == "HEAD" else b"405 Method Not Allowed\n")


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1/etc/passwd",
        "/curves.json/../secret.txt",
        "/curves.json?file=secret.txt",
        "/secret.txt",
        "/runs/stateless-s1/run.json",
        "\\etc\\passwd",
        "*",
    ],
)
def test_no_path_of_a_url_is_read(server, results, path):
    write_finished_run(results, "stateless-s1")
    (results / "secret.txt").write_text("secret")
    status, _, body = request(server, path)
    assert status == 404 and body == b"404 Not Found\n"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "127.0.0.1:1", "[::1]:80", "[::1]"])
def test_local_hosts_are_accepted(server, host):
    assert request(server, "/curves.json", Host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil", "localhost:x", "", None]
)
def test_other_hosts_are_refused(server, host):
    for path in ("/", "/curves.json"):
        assert request(server, path, Host=host)[0] == 403


@pytest.mark.parametrize("line", [b"GET", b"\x00\x01", b"GET / HTTP/9.9", b"GET /" + b"x" * 70000])
def test_invalid_requests_end_with_an_error(server, line):
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as connection:
        connection.sendall(line + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        assert b"DAF learning" not in connection.recv(10_000)
    assert page_data(server)["runs"] == []


def test_data_have_the_points_of_a_growing_run(server, results, monkeypatch):
    monkeypatch.setattr("daf.progress.serve.MIN_REFRESH_SECONDS", 0.0)
    write_finished_run(results, "stateless-s1", updates=6)
    rows = curve_rows(12, ["open"], eval_score=np.nan)
    rows[5]["eval_score"] = 7.5
    writer = open_running_run(results, "stateless-s2", updates=12)
    for num_rows in (0, 3, 12):
        writer.append_new_rows(rows[:num_rows])
        data = page_data(server)
        finished, running = data["runs"]
        assert (finished["run"], finished["is_running"]) == ("stateless-s1", False)
        assert (running["run"], running["is_running"]) == ("stateless-s2", True)
        assert running["steps"] == 1000 * num_rows and running["total_steps"] == 12_000
        curves = {run: curve for chart in data["missions"] for curve in chart["curves"]
                  for run in [data["runs"][curve["run"]]["run"]]}  # fmt: skip
        assert curves["stateless-s1"]["steps"] == [2000, 3000, 5000, 6000]
        if num_rows:
            expected = [row for row in rows[:num_rows] if np.isfinite(row["score/open"])]
            assert curves["stateless-s2"]["steps"] == [row["steps"] for row in expected]
            assert curves["stateless-s2"]["scores"] == pytest.approx(
                [row["score/open"] for row in expected], rel=1e-4
            )
    assert data["missions"][0]["ceiling"] == 25.0
    assert running["eval_score"] == 7.5 and not running["is_score_share"]


def test_scores_on_several_missions_are_shares(server, results):
    write_finished_run(results, "stateless-s1", missions=("open", "hall"))
    (run,) = page_data(server)["runs"]
    assert run["is_score_share"]


def test_few_runs_have_a_color_each_and_many_share_that_of_their_policy(server, results):
    for number in range(9):
        write_finished_run(results, f"stateless-s{number}", f"policy {number % 2}", updates=2)
    data = page_data(server)
    assert data["legend"] == ["policy 0", "policy 1"]
    assert [run["style"] for run in data["runs"]] == [number % 2 for number in range(9)]
    shutil.rmtree(results / "runs" / "stateless-s8")
    server._data._next_refresh = 0.0
    data = page_data(server)
    assert data["legend"] == [run["run"] for run in data["runs"]]
    assert [run["style"] for run in data["runs"]] == list(range(8))


def test_long_runs_are_downsampled(server, results):
    write_finished_run(results, "stateless-s1", updates=5000)
    [chart] = page_data(server)["missions"]
    assert 100 <= len(chart["curves"][0]["steps"]) <= 200


def test_links_out_of_the_results_folder_are_left_out(server, results, tmp_path):
    outside = write_finished_run(tmp_path / "elsewhere", "stateless-s1")
    (results / "runs").mkdir()
    os.symlink(outside, results / "runs" / "stateless-s1")
    linked = write_finished_run(results, "stateless-s2")
    (linked / "metrics.parquet").unlink()
    os.symlink(outside / "metrics.parquet", linked / "metrics.parquet")
    live = results / "resume" / "stateless-s3-key"
    live.mkdir(parents=True)
    os.symlink("/etc/passwd", live / "metrics.jsonl")
    data = page_data(server)
    assert data["runs"] == []
    assert len(data["problems"]) == 3
    assert all(line.endswith("leads out of the results folder") for line in data["problems"])


def test_unavailable_ports_and_hosts_are_one_line(server, results):
    for port, host, reason in (
        (server.server_port, "127.0.0.1", "cannot listen on 127.0.0.1"),
        (-1, "127.0.0.1", "port: got -1; expected 0 to 65535"),
        (65536, "127.0.0.1", "port: got 65536"),
        (0, "0.0.0.0", 'host: got "0.0.0.0"; expected one address of this machine'),
    ):
        with pytest.raises(ConfigError, match=reason):
            PageServer(results, port, host)


def test_missing_results_folder_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="is not a results folder"):
        PageServer(tmp_path / "missing", 0)


def test_highest_scores_are_finite_after_rounding(server, results):
    folder = write_finished_run(results, "stateless-s1", updates=1)
    scores = pd.DataFrame({"update": [0], "steps": [1], "score": [np.finfo(float).max]})
    save_table(folder / "metrics.parquet", scores)
    [chart] = page_data(server)["missions"]
    assert chart["curves"][0]["scores"] == [1e300]


def test_page_counts_one_run_in_the_singular(server):
    assert b'training ${data.runs.length === 1 ? "run" : "runs"}:' in request(server, "/")[2]
