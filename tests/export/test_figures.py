"""Figures for papers: all charts of all reports, their size, their fonts, and hostile results."""

import json
import re
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path

import pytest

import daf.export.figures as figures
from daf.config import ConfigError
from daf.export.figure_style import use_figure_style
from daf.export.figures import DRAW_FUNCTION_BY_CHART, export_figures
from daf.export.names import unique_file_names
from daf.export.report_charts import find_report_charts
from daf.report.charts import Chart

from .reports import write_experiment, write_sweep

extras = pytest.mark.extras
POINTS = 3.3 * 72


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    results = tmp_path_factory.mktemp("study") / "results"
    write_experiment(results, teams=True, training_seeds=(1, 2))
    write_sweep(results)
    return results


@pytest.fixture(scope="module")
def exported(results) -> Path:
    folder = results.parent / "figures"
    export_figures(results, folder)
    return folder


def test_every_chart_of_the_reports_is_found(results):
    charts_by_folder = dict(find_report_charts(results))
    names = ["assembler_2", "hall", "training_facility_1"]
    expected = {f"{kind}_{name}" for kind in ("scores", "profile", "cross_play") for name in names}
    expected |= {f"learning_{name}" for name in names}
    expected |= {"scores_overall", "profile_overall", "cross_play_Overall"}
    expected |= {"map_assembler_2", "map_training_facility_1"}
    assert set(charts_by_folder["benchmarks/demo"]) == expected
    slices = {"slice_learning_rate", "slice_note"}
    assert set(charts_by_folder["sweeps/rates"]) == {"confirmation", "importance", *slices}


def test_every_kind_of_chart_can_be_drawn():
    assert set(DRAW_FUNCTION_BY_CHART) == set(Chart.__subclasses__())


def test_reports_show_charts_as_svg(results):
    for _, charts in find_report_charts(results):
        for chart in charts.values():
            assert ElementTree.fromstring(chart.__html__()).tag == "svg"


@extras
def test_every_chart_becomes_two_files(results, exported):
    charts = {f"{folder}/{name}" for folder, names in find_report_charts(results) for name in names}
    files = {str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()}
    assert files == {f"{name}.{suffix}" for name in charts for suffix in ("svg", "pdf")}


@extras
def test_figures_have_the_width_of_a_column(exported):
    for path in exported.rglob("*.svg"):
        assert ElementTree.parse(path).getroot().attrib["width"] == f"{POINTS:g}pt"
    for path in exported.rglob("*.pdf"):
        [box] = re.findall(rb"/MediaBox \[ 0 0 (\S+) \S+ \]", path.read_bytes())
        assert float(box) == pytest.approx(POINTS)


@extras
def test_fonts_are_embedded(exported):
    for path in exported.rglob("*.pdf"):
        content = path.read_bytes()
        fonts = content.count(b"/Type /FontDescriptor")
        assert fonts and fonts == content.count(b"/FontFile2 ")
        assert b"/Type3" not in content
    for path in exported.rglob("*.svg"):
        text = path.read_text()
        assert "<text" not in text and "font-family" not in text, "glyphs are outlines"


@extras
def test_sizes_of_text(exported):
    """Text has 7 to 8 points; only numbers in the narrow cells of a matrix may be smaller."""
    for name in ("scores_hall", "learning_hall", "profile_hall", "map_assembler_2"):
        content = (exported / f"benchmarks/demo/{name}.pdf").read_bytes()
        streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL)
        page = b"".join(zlib.decompress(s) for s in streams if s[:1] == b"x")
        sizes = {float(size) for size in re.findall(rb"/F\S+ (\S+) Tf", page)}
        assert sizes and all(7 <= size <= 8 for size in sizes)


@extras
@pytest.mark.parametrize(
    ("report", "name", "expected"),
    [
        ("benchmarks/demo", "scores_assembler_2", {"stateless", "random", "ceiling 99"}),
        ("benchmarks/demo", "learning_hall", {"agent-steps", "lstm", "hearts per episode"}),
        ("benchmarks/demo", "profile_hall", {"fraction of episodes", "baseline"}),
        ("benchmarks/demo", "scores_overall", {"share of the ceiling", "ceiling 100 %", "50 %"}),
        ("benchmarks/demo", "cross_play_hall", {"1 baseline", "2 lstm", "3"}),
        ("benchmarks/demo", "map_training_facility_1", {"c  carbon ex dep", "agent start", "&"}),
        ("sweeps/rates", "slice_note", {"$x_1$", "a & b", "score (hearts)"}),
        ("sweeps/rates", "slice_learning_rate", {"0.001", "0.01", "0.1"}),
        ("sweeps/rates", "confirmation", {"search", "unseen seeds"}),
    ],
)
def test_text_of_figures(results, report, name, expected):
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    chart = dict(find_report_charts(results))[report][name]
    with use_figure_style():
        figure = Figure(layout="constrained")
        DRAW_FUNCTION_BY_CHART[type(chart)](chart, figure)
        figure.draw_without_rendering()
        texts = {text.get_text() for text in figure.findobj(Text)}
    assert expected <= texts


@extras
def test_equal_results_give_equal_files(results, exported, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    charts = dict(find_report_charts(results))["sweeps/rates"]
    monkeypatch.setattr(figures, "find_report_charts", lambda *_: [("sweeps/rates", charts)])
    for path in export_figures(results, tmp_path):
        assert path.read_bytes() == (exported / path.relative_to(tmp_path)).read_bytes()


@extras
def test_settings_of_the_user_are_ignored(results, exported, tmp_path, monkeypatch):
    import matplotlib

    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "text.usetex": True}):
        charts = dict(find_report_charts(results))["sweeps/rates"]
        monkeypatch.setattr(figures, "find_report_charts", lambda *_: [("sweeps/rates", charts)])
        for path in export_figures(results, tmp_path):
            assert path.read_bytes() == (exported / path.relative_to(tmp_path)).read_bytes()


@extras
def test_links_in_the_folder_are_not_followed(results, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    folder = tmp_path / "figures"
    folder.mkdir()
    (folder / "benchmarks").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="is a link"):
        export_figures(results, folder)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_folder_without_reports(tmp_path):
    with pytest.raises(ConfigError, match="no report; expected a results folder with a finished"):
        list(find_report_charts(tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        lambda stats: stats.pop("missions"),
        lambda stats: stats.update(overall=7),
        lambda stats: stats["estimates"][0].pop("mean"),
        lambda stats: stats.update(missions=["../../outside"]),
    ],
)
def test_invalid_statistics_are_one_line(tmp_path, change):
    folder = write_experiment(tmp_path / "results", training_seeds=(1,))
    stats = json.loads((folder / "stats.json").read_text())
    change(stats)
    (folder / "stats.json").write_text(json.dumps(stats))
    with pytest.raises(ConfigError, match=r"benchmarks/demo: invalid result \(.*\)$"):
        list(find_report_charts(tmp_path / "results"))


def test_valid_reports_are_found_beside_invalid_ones(tmp_path):
    folder = write_experiment(tmp_path / "results", training_seeds=(1,))
    (folder / "stats.json").write_text("{")
    write_sweep(tmp_path / "results")
    problems: list[str] = []
    charts_by_folder = find_report_charts(tmp_path / "results", problems.append)
    assert [folder for folder, _ in charts_by_folder] == ["sweeps/rates"]
    assert len(problems) == 1 and "stats.json: not valid JSON" in problems[0]


def test_file_names():
    names = ["scores_a", "a b", "a/b", "../../x", ".hidden", "A_b", "", "learning_hall@7-9"]
    assert unique_file_names(names) == [
        *("scores_a", "a_b", "a_b_2", "_.._x", "hidden", "A_b_3", "_", "learning_hall@7-9")
    ]
    assert len(unique_file_names(["x" * 1000])[0]) == 100


def test_missing_package(results, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "find_spec", lambda package: None)
    with pytest.raises(ConfigError, match=r"'matplotlib' is missing; pip install 'daf\[figures\]'"):
        export_figures(results, tmp_path)


def test_reports_outside_the_results_folder_are_left_out(tmp_path):
    results = tmp_path / "results"
    outside = write_experiment(tmp_path / "elsewhere", training_seeds=(1,))
    linked = write_experiment(results, "linked", training_seeds=(1,))
    (results / "benchmarks" / "demo").symlink_to(outside)
    (results / "engine").symlink_to(tmp_path)
    (tmp_path / "speeds.json").write_text("{}")
    (linked / "stats.json").unlink()
    (linked / "stats.json").symlink_to(outside / "stats.json")
    write_experiment(results, "other", training_seeds=(1,))
    for curve in (results / "runs").glob("*/metrics.parquet"):
        curve.unlink()
        curve.symlink_to(outside / "metrics.parquet")
    reports: list[str] = []
    assert list(find_report_charts(results, reports.append)) == []
    assert len(reports) == 4
    assert all(line.endswith("leads out of the results folder") for line in reports), reports
