"""Intervals without variation, units of differences, sizes of families, overall missions."""

import pandas as pd
import pytest

from daf.report import render_experiment_report
from daf.report.best_known import BestKnownScore
from daf.report.cells import (
    NO_VARIATION,
    POINTS,
    format_interval_or_placeholder,
    format_range,
    format_with_short_unit,
    interval_cell,
    score_cell,
)
from daf.report.claim_tables import robust_statistics_table
from daf.report.heat_map import heat_map_section
from daf.report.pair_details import (
    HolmFamilySizes,
    get_family_sizes,
    list_details_behind_pair_verdict,
    select_estimates_and_comparisons,
    select_model_or_distribution_free_interval,
)
from daf.report.result_section import difference_section, report_verdict_section, result_section
from daf.report.tables import format_overall_mission_count
from daf.report.variation_tables import training_variation_sections
from daf.stats import analyse
from daf.stats.estimate import HEARTS, SHARE

from .synthetic import content, episodes
from .test_report import plain_text

CEILINGS = {"hall": 10.0, "yard": 20.0}


def trained(policy, mission, seed_scores):
    return pd.concat(
        [
            episodes(policy, f"{policy}-{seed}", seed, mission, scores)
            for seed, scores in enumerate(seed_scores)
        ]
    )


@pytest.fixture(scope="module")
def constant():
    """Two policies, all of whose seeds have one score on each of two missions."""
    tables = [
        trained(policy, mission, [[score] * 8] * 5)
        for policy, score in (("a", 9.0), ("b", 1.0))
        for mission in CEILINGS
    ]
    return analyse(pd.concat(tables), ceilings=CEILINGS)


@pytest.fixture(scope="module")
def stats():
    return content()["stats"]


def column(table, name):
    return [row[table.columns.index(name)] for row in table.rows]


def test_equal_ends_are_no_variation():
    assert format_interval_or_placeholder(2.0, 2.0, HEARTS) == NO_VARIATION
    assert format_interval_or_placeholder(2.0, 3.0, HEARTS) == "2.00 to 3.00"
    assert format_interval_or_placeholder(None, None) == "–"
    assert interval_cell({"low": 2.0, "high": 2.0}).text == NO_VARIATION
    item = {"low": 1.0, "high": 3.0, "median_low": 2.0, "median_high": 2.0}
    assert interval_cell(item, "median_low", "median_high").text == "2.00 to 2.00"


def test_no_table_or_chart_has_an_interval_with_equal_ends(constant):
    estimates = list(select_estimates_and_comparisons(constant, "hall")[0].values())
    section = result_section(constant, "hall", 10.0, {"a": 0, "b": 1})
    heat_map = heat_map_section(constant, CEILINGS)
    robust = robust_statistics_table("Robust", estimates)
    for table, name in (
        (section["table"], "95 % interval"),
        (heat_map["table"], "95 % interval"),
        (robust, "Interval of the median"),
        (robust, "Interval of the gap"),
    ):
        assert {cell.text for cell in column(table, name)} == {NO_VARIATION}
    chart = str(section["chart"].__html__())
    assert "a 9.00 (no variation); b 1.00 (no variation)" in chart
    assert {cell.interval for _, cells in heat_map["rows"] for cell in cells} == {NO_VARIATION}
    page = plain_text(render_experiment_report(**content() | {"stats": constant}))
    for score in ("9.00", "1.00", "90.0", "45.0", "8.00"):
        assert f"{score} to {score}" not in page


BEATEN = "a policy of this report has a higher mean."
SHARES = "Mean scores as shares of it: a 90 %, b 10 %."


@pytest.mark.parametrize("score, ceiling, ending", [
    (20, 40.0, ", 50 % of the ceiling; the optimum lies between. Mean scores as shares of it: "
     "a 45 %, b 5 %."),
    (10, 10.0, f", 100 % of the ceiling. {SHARES}"),
    (10, None, f". {SHARES}"),
    (8, 10.0, f"; {BEATEN}"),
])  # fmt: skip
def test_best_known_play_beside_the_ceiling(constant, score, ceiling, ending):
    styles = {"a": 0, "b": 1}
    best = BestKnownScore(score, "planner")
    section = result_section(constant, "hall", ceiling, styles, best)
    assert section["best_known"] == f"Best known play: {score} hearts, by planner{ending}"
    assert result_section(constant, "hall", ceiling, styles)["best_known"] is None


def test_differences_without_variation_have_the_distribution_free_interval(constant):
    [pair] = [pair for pair in constant["comparisons"] if pair["mission"] == "hall"]
    free = pair["distribution_free"]
    assert select_model_or_distribution_free_interval(pair) is free and free["low"] < free["high"]
    table = difference_section(constant, "hall")["table"]
    [interval] = column(table, "95 % interval")
    assert interval.text == format_range(free["low"], free["high"])
    without = pair | {"distribution_free": None}
    assert select_model_or_distribution_free_interval(without) is without


def test_shares_of_the_ceiling_differ_by_points(stats):
    assert format_with_short_unit(0.512, POINTS) == "51.2 points"
    assert format_with_short_unit(0.512, SHARE) == "51.2 %"
    assert format_range(-0.5, 0.25, POINTS) == "−50.0 to 25.0 points"
    assert score_cell(0.512, score_unit=POINTS).is_numeric
    overall = difference_section(stats, None)["table"]
    assert overall.columns[1] == "Difference (percentage points)"
    for row in overall.rows:
        assert row[1].text.endswith(" points") and row[2].text.endswith(" points")
        details = dict(row[4].details)
        assert details["Equivalence"].startswith("margin 5.00 points; ")
        assert details["Distribution-free interval"].endswith(" points")
    assert difference_section(stats, "hall")["table"].columns[1] == "Difference (hearts)"
    why = report_verdict_section(stats)["why"]
    assert all(cell.text.endswith(" points)") for cell in column(why, "Difference and interval"))


def test_each_test_has_the_size_of_its_family():
    tables = [
        trained("a", "hall", [[5.0, 6, 7], [6.0, 6, 9], [4.0, 5, 5], [5.0, 8, 8], [6.0, 5, 7]]),
        trained("b", "hall", [[1.0, 2, 2], [2.0, 1, 3], [1.0, 1, 2], [2.0, 2, 2], [1.0, 3, 1]]),
        trained("few", "hall", [[3.0, 4, 3], [3.0, 2, 3]]),
    ]
    stats = analyse(pd.concat(tables), ceilings=CEILINGS)
    sizes = get_family_sizes(stats, is_overall=False)
    assert sizes.model_based != sizes.distribution_free
    estimates, pairs = select_estimates_and_comparisons(stats, "hall")
    [pair] = [pair for pair in pairs if (pair["a"], pair["b"]) == ("a", "b")]
    details = dict(list_details_behind_pair_verdict(pair, estimates, sizes))
    assert f"({sizes.model_based} comparison)" in details["Deciding test"]
    assert f"({sizes.distribution_free} comparisons)" in details["Distribution-free test"]
    methods = plain_text(render_experiment_report(**content() | {"stats": stats}))
    expected = f"The distribution-free tests have their own correction over {sizes[1]} and"
    assert expected in methods and "decides alone with fewer than 5 training seeds" in methods


def test_deciding_distribution_free_test_has_its_own_family():
    tables = [trained("a", "hall", [[9.0] * 60] * 5), episodes("b", "b", None, "hall", [1.0] * 60)]
    estimates, [pair] = select_estimates_and_comparisons(
        analyse(pd.concat(tables), ceilings=CEILINGS), "hall"
    )
    assert pair["test"] == "distribution-free"
    sizes = HolmFamilySizes(model_based=7, distribution_free=3)
    details = dict(list_details_behind_pair_verdict(pair, estimates, sizes))
    assert "(3 comparisons)" in details["Deciding test"]


def test_summary_of_one_mission_has_its_unit():
    stats = content(missions=("assembler_2",))["stats"]
    summary = report_verdict_section(stats)
    assert summary["verdict"] == stats["verdict"] and "hearts" in summary["verdict"]
    differences = [cell.text for cell in column(summary["why"], "Difference and interval")]
    assert differences and all("hearts" in text and "points" not in text for text in differences)
    assert summary["grade"] == stats["best_policy_grade"]


def test_overall_results_name_the_number_of_missions(stats):
    assert stats["overall_left_out"] == ["hall"]
    assert format_overall_mission_count(stats) == "2 missions"
    styles = {policy["policy"]: index for index, policy in enumerate(stats["policies"])}
    assert result_section(stats, None, None, styles)["chart"].title == "Mean scores over 2 missions"
    page = plain_text(render_experiment_report(**content(teams=True)))
    assert "all missions" not in page
    complete = content(missions=("assembler_2", "training_facility_1"))["stats"]
    assert format_overall_mission_count(complete) == "all missions"


def test_small_gaps_have_a_decimal():
    item = {"policy": "a", "score_unit": HEARTS, "robust_note": None, "gap_note": None}
    item |= dict.fromkeys(
        ("median", "median_low", "median_high", "iqm", "iqm_low", "iqm_high", "low"), 9.0
    )
    item |= {"high": 9.5, "gap": 0.002, "gap_low": 0.0, "gap_high": 0.125}
    [row] = robust_statistics_table("Robust", [item]).rows
    assert [cell.text for cell in row[5:7]] == ["0.2 %", "0.0 to 12 %"]


def test_future_seeds_without_interval_are_on_demand(stats):
    section = training_variation_sections(stats)[0]
    table = section["table"]
    first = table.columns[: table.num_initially_visible_columns]
    assert first[:4] == [
        "Policy",
        "Worst seed (hearts)",
        "Best seed (hearts)",
        "Seeds that solve it",
    ]
    assert first[4:] == ["Probability to solve it, exact 95 % interval"]
    reason = "a prediction interval of 95 % needs 19 training seeds; got 5"
    assert section["note"] == f"No interval of a future seed: {reason}."


def test_intervals_of_future_seeds_are_at_first_sight():
    tables = [
        trained(policy, "hall", [[float(seed % 7), 5.0] for seed in range(count)])
        for policy, count in (("few", 5), ("many", 20))
    ]
    [section] = training_variation_sections(analyse(pd.concat(tables), ceilings=CEILINGS))
    table = section["table"]
    assert table.columns[: table.num_initially_visible_columns][-1] == "A future seed (hearts)"
    texts = {row[0].text: row[5].text for row in table.rows}
    assert texts["few"] == "–" and texts["many"].endswith("(at least 95 %)")
    assert section["note"].startswith("No interval of a future seed: few: a prediction interval")
