"""SVG elements: escaping, axes, ticks, scales."""

import itertools

import pytest

from daf.report.svg import (
    element,
    format_tick_labels,
    linear_scale,
    padded_axis_with_nice_ticks,
    path_data,
    truncate,
)


def test_text_and_attributes_are_escaped():
    made = element("text", '<b> & "x"', class_='"><script>', x=1.5)
    assert made == (
        '<text class="&#34;&gt;&lt;script&gt;" x="1.5">&lt;b&gt; &amp; &#34;x&#34;</text>'
    )


def test_numbers_have_two_decimals_and_no_negative_zero():
    assert element("i", a=1 / 3, b=10.0, c=-0.001, d=-20.0, e=None) == (
        '<i a="0.33" b="10" c="0" d="-20"></i>'
    )


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 100, [0, 25, 50, 75, 100]),
        (0, 6e6, [0, 2e6, 4e6, 6e6]),
        (-1.07, 94, [0, 25, 50, 75]),
        (94, 97, [94, 95, 96, 97]),
        (0, 0.07, [0, 0.02, 0.04, 0.06]),
        (5, 5, [4.5, 4.75, 5.0, 5.25, 5.5]),
        (0, 0, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_ticks_are_round_numbers(low, high, ticks):
    assert padded_axis_with_nice_ticks(low, high).ticks == pytest.approx(ticks)


def test_axis_contains_data_and_at_least_two_ticks():
    ends = [-1e6, -37.5, -1, -1e-5, 0, 1e-7, 0.3, 9.99, 10, 123.4, 1e9]
    for low, high in itertools.combinations(ends, 2):
        made = padded_axis_with_nice_ticks(low, high)
        assert made.low <= low < high <= made.high
        assert 2 <= len(made.ticks) <= 7
        assert all(made.low <= tick * (1 + 1e-9) + 1e-12 for tick in made.ticks)
        assert len(set(format_tick_labels(made.ticks))) == len(made.ticks)
        if low == 0:
            assert made.low == 0


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        ([0, 25, 50], ["0", "25", "50"]),
        ([0, 2e6, 4e6], ["0", "2 M", "4 M"]),
        ([0, 2.5e6, 5e6], ["0.0", "2.5 M", "5.0 M"]),
        ([0, 5000, 10000], ["0", "5 k", "10 k"]),
        ([-0.5, 0, 0.5], ["−0.5", "0.0", "0.5"]),
        ([0, 0.25, 0.5], ["0.00", "0.25", "0.50"]),
        ([94, 95, 96], ["94", "95", "96"]),
    ],
)
def test_tick_labels(ticks, labels):
    assert format_tick_labels(ticks) == labels


def test_scale_and_path():
    x = linear_scale(10, 20, 100, 300)
    assert (x(10), x(15), x(20)) == (100, 200, 300)
    assert path_data([(1, 2), (3.25, 4)]) == "M1,2 3.25,4"
    assert path_data([(1, 2), (3, 4)], is_closed=True).endswith("Z")


def test_truncate():
    assert truncate("short", 5) == "short"
    assert truncate("longer", 5) == "long…"
