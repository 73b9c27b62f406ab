"""Contrast of the colors of a report in each theme."""

import re

from daf.report import render_experiment_report

from .synthetic import content

THEMES = re.compile(r"--([a-z0-9]+): (#[0-9a-f]{3,6});")


def luminance(color):
    """Relative luminance of WCAG 2."""
    digits = color[1:] if len(color) == 7 else "".join(2 * d for d in color[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    lighter, darker = sorted((luminance(a), luminance(b)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_colors_have_sufficient_contrast_in_every_theme():
    html = render_experiment_report(**content())
    style = html[html.index("<style>") : html.index("</style>")]
    themes = [dict(THEMES.findall(part)) for part in style.split(":root {")[1:]]
    assert len(themes) == 3  # light, dark, print
    for theme in themes:
        for name in ("ink", "soft", "accent", "ceiling"):  # text: 4.5 to 1
            assert contrast(theme[name], theme["page"]) >= 4.5
            assert contrast(theme[name], theme["card"]) >= 4.5
        for index in range(11):  # text of the heat map: 4.5 to 1
            assert contrast(theme["ink"], theme[f"h{index}"]) >= 4.5
        for index in range(8):  # lines: 3 to 1
            assert contrast(theme[f"s{index}"], theme["page"]) >= 3
