"""Charts: elements are at the positions of the data."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest

from daf.report.learning_curve_chart import LearningCurve, learning_curve_chart
from daf.report.learning_curves import build_learning_curves_by_mission
from daf.report.map_chart import assign_colors_to_station_symbols, map_chart
from daf.report.score_charts import (
    IntervalRow,
    interval_chart,
    performance_profile_chart,
    style_css_classes,
)
from daf.stats.downsampling import downsample_curve


def parsed(svg):
    return ElementTree.fromstring(svg)


def with_class(root, name):
    return [e for e in root.iter() if name in (e.get("class") or "").split()]


def grid_scale(root):
    """Return the function from values to pixels on the x axis, from two ticks."""
    ticks = [(float(e.get("x")), float(e.text)) for e in with_class(root, "tick")]
    (x0, v0), (x1, v1) = ticks[0], ticks[-1]
    return lambda value: x0 + (value - v0) * (x1 - x0) / (v1 - v0)


def row(label, mean, low, high, is_best=False):
    return IntervalRow(label, mean, low, high, is_best)


def intervals(rows, **options):
    return parsed(
        interval_chart(rows, title="T", unit="hearts", interval_description="95 %", **options)
    )


def test_dots_and_whiskers_are_at_their_values():
    root = intervals([row("a", 60, 40, 80, True), row("b", 10, None, None)], ceiling=100)
    x = grid_scale(root)
    dots = [float(e.get("cx")) for e in with_class(root, "dot")]
    assert dots == pytest.approx([x(60), x(10)], abs=0.02)
    whiskers = with_class(root, "whisker")
    assert len(whiskers) == 3  # one line and its two ends; none for the policy without interval
    ends = [float(whiskers[0].get(key)) for key in ("x1", "x2")]
    assert ends == pytest.approx([x(40), x(80)], abs=0.02)
    assert float(with_class(root, "ceiling")[0].get("x1")) == pytest.approx(x(100), abs=0.02)
    assert len(with_class(root, "best")) == 1


def test_distant_ceiling_is_not_drawn():
    assert not with_class(intervals([row("a", 2, 1, 3)], ceiling=100), "ceiling")


@pytest.mark.parametrize("mean", [0.0, 5.0, -3.0, 1e-6, 1e7])
def test_empty_interval_is_inside_the_chart(mean):
    root = intervals([row("a", mean, mean, mean)])
    assert 0 < float(with_class(root, "dot")[0].get("cx")) < 420


def test_every_chart_has_a_text_alternative():
    root = intervals([row("a", 60, 40, 80)])
    assert root.find("title").text == "T"
    assert "a 60.0 (40.0 to 80.0)" in root.find("desc").text
    assert root.get("role") == "img"


def test_long_names_are_truncated_except_in_the_title():
    name = "a_policy_with_a_name_much_too_long_for_a_label"
    root = intervals([row(name, 60, 40, 80)])
    assert with_class(root, "label")[0].text.endswith("…")
    assert name in with_class(root, "row")[0].find("title").text


def points(element):
    return [
        tuple(map(float, p.split(","))) for p in re.findall(r"[-\d.]+,[-\d.]+", element.get("d"))
    ]


PROFILE = {
    "thresholds": [0.0, 5.0, 10.0],
    "curves": [
        {"policy": "a", "share": [1.0, 0.5, 0.0], "low": [0.9, 0.3, 0], "high": [1, 0.7, 0.2]},
        {"policy": "b", "share": [1.0, 1.0, 0.25], "low": [None] * 3, "high": [None] * 3},
    ],
}


def test_profile_line_is_at_its_fractions():
    root = parsed(
        performance_profile_chart(PROFILE, {"b": 0, "a": 1}, title="T", score_unit="hearts")
    )
    x = grid_scale_at(root, "middle")
    grid = [float(e.get("y1")) for e in with_class(root, "grid")]
    floor, top = max(grid), min(grid)
    (line,) = (points(with_class(g, "mean")[0]) for g in with_class(root, "s1"))
    assert [p[0] for p in line] == pytest.approx([x(0), x(5), x(10)], abs=0.05)
    assert [p[1] for p in line] == pytest.approx([top, (floor + top) / 2, floor], abs=0.05)
    assert len(with_class(root, "band")) == 1  # no interval, no band
    assert "at least 5.00: a 50 %; b 100 %" in root.find("desc").text


def grid_scale_at(root, anchor):
    """Return the function from values to pixels on the x axis, from ticks with this anchor."""
    ticks = [e for e in with_class(root, "tick") if e.get("text-anchor") == anchor]
    (x0, v0), (x1, v1) = ((float(e.get("x")), float(e.text)) for e in (ticks[0], ticks[-1]))
    return lambda value: x0 + (value - v0) * (x1 - x0) / (v1 - v0)


def test_curve_is_at_its_points():
    steps, low, high = [0, 50, 100], [0, 4, 8], [0, 6, 12]
    curve = LearningCurve("net", steps, [0, 5, 10], low, high, [(steps, low), (steps, high)], 0)
    root = parsed(learning_curve_chart([curve], title="T", score_unit="hearts"))
    (x0, y0), (x1, y1), (x2, y2) = points(with_class(root, "mean")[0])
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.02)
    assert y0 - y1 == pytest.approx(y1 - y2, abs=0.02)
    assert x2 > x0 and y2 < y0
    grid = [float(e.get("y1")) for e in with_class(root, "grid")]
    assert y0 == pytest.approx(max(grid), abs=0.02)
    assert len(points(with_class(root, "band")[0])) == 6
    assert len(with_class(root, "seed")) == 2


def test_additional_series_are_dashed():
    assert len({style_css_classes(style) for style in range(16)}) == 16


def metrics(run, steps, scores, policy="net", column="score/m"):
    return pd.DataFrame({"run": run, "policy": policy, "steps": steps, column: scores})


def test_curves_average_seeds_and_interpolate_gaps():
    data = pd.concat(
        [
            metrics("s1", [10, 20, 30], [0.0, np.nan, 20.0]),
            metrics("s2", [10, 20, 30], [10.0, 30.0, 50.0]),
        ]
    )
    (curve,) = build_learning_curves_by_mission(data, {"net": 0})["m"]
    assert curve.steps == [10, 20, 30]
    assert curve.mean == [5, 20, 35]
    assert (curve.min_over_seeds, curve.max_over_seeds) == ([0, 10, 20], [10, 30, 50])
    assert curve.steps_and_scores_per_seed[0] == ([10, 30], [0, 20])
    shuffled = data.sample(frac=1, random_state=1)
    assert build_learning_curves_by_mission(shuffled, {"net": 0})["m"] == [curve]


def test_mean_covers_common_steps_only():
    data = pd.concat([metrics("s1", [0, 10], [0.0, 10.0]), metrics("s2", [5, 20], [5.0, 20.0])])
    (curve,) = build_learning_curves_by_mission(data, {"net": 0})["m"]
    assert curve.steps == [5, 10]
    assert curve.mean == [5, 10]


def test_seeds_without_common_steps_have_no_mean():
    data = pd.concat([metrics("s1", [0, 10], [0.0, 10.0]), metrics("s2", [20, 30], [5.0, 20.0])])
    (curve,) = build_learning_curves_by_mission(data, {"net": 0})["m"]
    assert curve.mean == []
    root = parsed(learning_curve_chart([curve], title="T", score_unit="hearts"))
    assert len(with_class(root, "seed")) == 2


def test_curves_without_scores_per_mission():
    data = metrics("s1", [0, 10], [0.0, 10.0], column="score")
    assert list(build_learning_curves_by_mission(data, {"net": 0})) == ["all missions"]
    assert build_learning_curves_by_mission(data.assign(score=np.nan), {"net": 0}) == {}
    assert build_learning_curves_by_mission(data.drop(columns="score"), {"net": 0}) == {}


def test_downsampling_keeps_mean_and_limit():
    steps, scores = downsample_curve(np.arange(1000.0), np.tile([0.0, 10.0], 500), 50)
    assert len(steps) == len(scores) <= 50
    assert scores == pytest.approx(np.full(len(scores), 5.0))
    assert np.all(np.diff(steps) > 0)


LEGEND = {"#": "wall", ".": "floor", "@": "agent", "&": "assembler", "=": "chest"}


def test_map_draws_every_cell_at_its_position():
    root = parsed(map_chart(["####", "#@&#", "####"], LEGEND, title="Map"))
    assert root.get("viewBox") == "0 0 80 60"
    (agent,) = with_class(root, "agent")
    assert (agent.get("cx"), agent.get("cy")) == ("30", "30")
    (letter,) = with_class(root, "letter")
    assert (letter.text, letter.get("x")) == ("&", "50")
    walls = with_class(root, "wall")[0].get("d")
    assert walls.count("M") == 4
    assert "M0,0h80v20h-80z" in walls
    assert "1 assembler" in root.find("desc").text


def test_irregular_maps_are_drawn():
    root = parsed(map_chart(["##", "#?<&#"], {}, title="Map"))
    assert root.get("viewBox") == "0 0 100 40"
    assert [e.text for e in with_class(root, "letter")] == ["?", "<", "&"]


def test_station_colors_depend_on_names_only():
    assert (
        assign_colors_to_station_symbols(["=&"], LEGEND)
        == assign_colors_to_station_symbols(["&="], LEGEND)
        == {"&": 0, "=": 1}
    )
