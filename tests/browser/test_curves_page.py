"""Local page of learning curves in Chromium, while a training run writes its live metrics."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from daf.progress.serve import PageServer
from tests.browser.programs import visit_with_chromium
from tests.progress.live_results import curve_rows, open_running_run, write_finished_run

HOSTILE = "<img src=x onerror=alert(1)>"
GROWING = "stateless-s9-growing"
UPDATES = 5000

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Iterator:
    """Results folder with 10 policies, a damaged run, and a run that grows by 20 rows a second."""
    results = tmp_path_factory.mktemp("curves") / "results"
    for number in range(10):
        write_finished_run(results, f"p{number}-s1-finished", f"policy {number}", 40 + 5 * number)
    (results / "runs" / "p0-s1-finished" / "run.json").write_text("{")
    rows = curve_rows(UPDATES, ["open", HOSTILE], eval_score=np.nan)
    for row in rows[::10]:
        row["eval_score"] = row["update"] / 10
        row["eval_score/open"] = row["eval_score"]
    for row in rows:
        row.setdefault("eval_score/open", np.nan)
    writer = open_running_run(results, GROWING, HOSTILE, UPDATES, ["open", HOSTILE])
    stop = threading.Event()

    def grow():
        for number in range(10, UPDATES):
            writer.append_new_rows(rows[:number])
            if stop.wait(0.05):
                return

    thread = threading.Thread(target=grow)
    thread.start()
    yield results
    stop.set()
    thread.join()


@pytest.fixture(scope="module")
def observations(results, tmp_path_factory) -> dict:
    """Observations of a visit to the page; see visit_curves.mjs."""
    with PageServer(results, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            pictures = tmp_path_factory.mktemp("pictures")
            observations = visit_with_chromium("visit_curves.mjs", server.url, GROWING, pictures)
        finally:
            server.shutdown()
            thread.join()
        return {"url": server.url, **observations}


def test_curves_grow_while_the_run_writes(observations):
    for view in observations["views"].values():
        steps = [observation["steps"] for observation in view["growth"]]
        assert steps == sorted(set(steps)) and len(steps) == 3
        assert len({observation["curve"] for observation in view["growth"]}) == 3


def test_page_has_no_errors_and_no_foreign_requests(observations):
    assert observations["errors"] == []
    url = observations["url"]
    assert set(observations["requests"]) == {url, f"{url}curves.json"}


def test_every_view_is_accessible_and_fits(observations):
    for name, view in observations["views"].items():
        assert view["issues"] == [], name
        assert view["sideways"] == 0, name


def test_dark_view_is_dark(observations):
    brightness = {
        name: sum(map(int, view["background"].strip("rgb()").split(",")))
        for name, view in observations["views"].items()
    }
    assert brightness["dark"] < 150 < 600 < brightness["light"]


def test_page_shows_all_runs_and_hostile_names_as_text(observations):
    view = observations["views"]["light"]
    assert [row[0] for row in view["runs"]] == [
        GROWING,
        *(f"p{number}-s1-finished" for number in range(1, 10)),
    ]
    assert view["runs"][0][1] == HOSTILE and view["runs"][0][-1].startswith("running")
    assert view["runs"][1][3:5] == ["45,000", "45,000"] and view["runs"][1][-1] == "finished"
    assert view["charts"] == [HOSTILE, "open"]
    assert HOSTILE in view["legend"] and view["images"] == 0
    assert view["markers"] > 0
    assert "run.json" in view["text"]  # the damaged file
