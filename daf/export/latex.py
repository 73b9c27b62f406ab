"""Export of the tables of estimates and comparisons as LaTeX, in the style of `booktabs`."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from daf.config import ConfigError, load_json
from daf.export.invalid_results import ReportProblem, raise_or_report_invalid_result
from daf.export.names import printable_line, unique_file_names
from daf.export.report_charts import EXPERIMENT_FOLDERS
from daf.export.results_paths import join_path_within_results
from daf.files.safe_write import make_folder_within
from daf.files.text_files import write_text
from daf.report.cells import NO_VARIATION, POINTS, choose_difference_unit
from daf.report.pair_details import select_model_or_distribution_free_interval
from daf.report.tables import format_overall_mission_count, order_policies_by_rank
from daf.stats import format_score, format_score_or_share_percent
from daf.stats.analyse import Statistics
from daf.stats.family import BETTER, WORSE

ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "-": "{-}",  # two of them are no dash
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "−": r"\ensuremath{-}",
}
DASH = "--"
OUTCOMES = {BETTER: "higher", WORSE: "lower"}
"""Verdict on the first policy of a pair; other outcomes are words of their own."""


class LatexTable(NamedTuple):
    """Table of LaTeX cells.

    Attributes:
        name: name of the file and of the label.
        caption: caption.
        alignment: "l" or "r" of each column.
        header: heading of each column.
        rows: cells of each row.
    """

    name: str
    caption: str
    alignment: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def export_latex(
    results_dir: str | Path, folder: str | Path, report_problem: ReportProblem = None
) -> list[Path]:
    r"""Write the estimates and comparisons of every experiment as `booktabs` tables.

    The files of an experiment are in the folder that has its path in the results folder, such as
    `FOLDER/benchmarks/NAME/estimates.tex`. A document reads them with `\input`.

    Args:
        results_dir: results folder.
        folder: folder of the tables; made if it is missing.
        report_problem: receives one line for each experiment that is left out.

    Returns:
        paths of the files.

    Raises:
        ConfigError: no statistics, or an invalid file and no `report_problem`; one line.
        OSError: a file cannot be written.
    """
    stats_files = [
        file
        for kind in EXPERIMENT_FOLDERS
        for file in sorted(Path(results_dir).glob(f"{kind}/*/stats.json"))
    ]
    if not stats_files:
        raise ConfigError(
            f"{results_dir}: no stats.json; expected a results folder with a finished benchmark "
            "or comparison"
        )
    paths = []
    for stats_file in stats_files:
        with raise_or_report_invalid_result(stats_file, report_problem):
            file_in_results = stats_file.relative_to(results_dir)
            stats = load_json(join_path_within_results(results_dir, file_in_results))
            tables = list(build_latex_tables(stats))
            experiment = stats_file.parent
            target = Path(folder, experiment.parent.name, experiment.name)
            make_folder_within(target, folder)
            for name, table in zip(unique_file_names(table.name for table in tables), tables):
                [label] = unique_file_names([f"{experiment.name}-{name}"])
                write_text(target / f"{name}.tex", format_latex_table(table, label))
                paths.append(target / f"{name}.tex")
    return paths


def build_latex_tables(stats: Statistics) -> Iterator[LatexTable]:
    """Yield the table of estimates, and the comparisons over all missions and on each one."""
    yield _build_estimates_table(stats)
    parts = []
    if len(stats["overall_missions"]) > 1:
        parts.append(
            ("overall", f"over {format_overall_mission_count(stats)}", stats["comparisons_overall"])
        )
    for mission in stats["missions"]:
        pairs = [pair for pair in stats["comparisons"] if pair["mission"] == mission]
        parts.append((mission, f"on {escape_latex(mission)}", pairs))
    for name, scope, pairs in parts:
        if pairs:
            yield _build_comparisons_table(stats, f"comparisons_{name}", scope, pairs)


def format_latex_table(table: LatexTable, label: str) -> str:
    """Return the text of a table environment."""
    lines = [
        r"% Needs \usepackage{booktabs}; symbols need \usepackage{textcomp} before LaTeX of 2020.",
        r"\begin{table}",
        r"  \centering\small",
        f"  \\caption{{{table.caption}}}",
        r"  \smallskip",
        f"  \\label{{tab:{label.replace('_', '-')}}}",
        f"  \\begin{{tabular}}{{@{{}}{table.alignment}@{{}}}}",
        r"    \toprule",
        _format_row(table.header),
        r"    \midrule",
        *map(_format_row, table.rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escape_latex(text: str) -> str:
    """Return a text of one line, with the special characters of LaTeX escaped."""
    return "".join(ESCAPES.get(character, character) for character in printable_line(text))


def _format_row(cells: Sequence[str]) -> str:
    return f"    {' & '.join(cells)} \\\\"


def _build_estimates_table(stats: Statistics) -> LatexTable:
    """Return the mean of each policy, above its interval, over all missions and on each."""
    has_overall = len(stats["overall_missions"]) > 1
    missions = [*([None] if has_overall else []), *stats["missions"]]
    items = [*stats["overall"], *stats["estimates"]]
    estimates = {(item["policy"], item["mission"]): item for item in items}
    best = {
        mission: stats["mission_verdicts"][mission]["best_policies"]
        for mission in missions[has_overall:]
    }
    best[None] = stats["best_policies"]
    rows = []
    for policy in order_policies_by_rank(stats):
        cells = [estimates.get((policy, mission)) for mission in missions]
        first_estimate = next(cell for cell in cells if cell is not None)
        units = first_estimate["unit"].replace("_", " ").replace("training ", "")
        units = (
            f"{first_estimate['n_units']} {units}{'s' if first_estimate['n_units'] != 1 else ''}"
        )
        means = [
            DASH
            if cell is None
            else _format_score(cell["mean"], cell["score_unit"], policy in best[mission])
            for mission, cell in zip(missions, cells)
        ]
        intervals = [
            "" if cell is None else _format_in_small_font(_format_interval(cell)) for cell in cells
        ]
        rows.append([escape_latex(policy), *means, escape_latex(units)])
        rows.append(["", *intervals, ""])
    header = [escape_latex(mission or "overall") for mission in missions]
    score_units = escape_latex(stats["score_unit"])
    if has_overall and stats["overall_score_unit"] != stats["score_unit"]:
        score_units += f"; overall: mean {escape_latex(stats['overall_score_unit'])}"
    caption = f"Mean scores ({score_units}) with {_format_confidence_level(stats)} intervals "
    caption += "over the units: training seeds of a method, or episodes of fixed weights. "
    caption += "Bold: highest mean of a column."
    alignment = "l" + "c" * len(missions) + "l"
    return LatexTable("estimates", caption, alignment, ["Policy", *header, "Units"], rows)


def _build_comparisons_table(
    stats: Statistics, name: str, caption_scope: str, pairs: Sequence[dict[str, Any]]
) -> LatexTable:
    """Return difference, interval, p-value, verdict and grade of each pair."""
    unit = choose_difference_unit(pairs[0]["score_unit"])
    scale = 100 if unit == POINTS else 1
    rows = [
        [
            escape_latex(pair["a"]),
            escape_latex(pair["b"]),
            _format_math(format_score(scale * pair["difference"])),
            _format_difference_interval(select_model_or_distribution_free_interval(pair), scale),
            _format_p_value(pair["p_holm"]),
            escape_latex(str(OUTCOMES.get(pair["outcome"], pair["outcome"]))),
            DASH if pair["grade"] is None else escape_latex(pair["grade"]),
        ]
        for pair in pairs
    ]
    caption = f"Differences of mean scores ({escape_latex(unit)}) {caption_scope}: first "
    caption += (
        f"policy minus second, {_format_confidence_level(stats)} interval of a single comparison "
    )
    caption += "(distribution-free where nothing varies), p-value with Holm's correction, verdict "
    caption += "on the first policy, and grade of the verdict."
    header = ["First", "Second", "Difference", "Interval", "Holm $p$", "First is", "Grade"]
    return LatexTable(name, caption, "llrrrll", header, rows)


def _format_interval(estimate: Mapping[str, Any]) -> str:
    """Return the interval of a mean; without variation, these words."""
    if estimate["low"] is None:
        return DASH
    if estimate["low"] == estimate["high"]:
        return NO_VARIATION
    low, high = (_format_score(estimate[key], estimate["score_unit"]) for key in ("low", "high"))
    return f"[{low}, {high}]"


def _format_difference_interval(comparison: Mapping[str, Any], scale: float) -> str:
    """Return the interval of a difference, times `scale`; without variation, these words."""
    if comparison["low"] is None:
        return DASH
    if comparison["low"] == comparison["high"]:
        return NO_VARIATION
    low, high = (_format_math(format_score(scale * comparison[key])) for key in ("low", "high"))
    return f"[{low}, {high}]"


def _format_in_small_font(cell: str) -> str:
    return f"{{\\scriptsize {cell}}}"


def _format_score(value: float, score_unit: str, is_strong: bool = False) -> str:
    return _format_math(format_score_or_share_percent(value, score_unit), is_strong)


def _format_math(number: str, is_strong: bool = False) -> str:
    text = number.replace("−", "-").replace(" %", r"\,\%")
    return f"$\\mathbf{{{text}}}$" if is_strong else f"${text}$"


def _format_p_value(p: float | None) -> str:
    if p is None:
        return DASH
    return "$< 0.001$" if p < 0.001 else f"${p:.3f}$"


def _format_confidence_level(stats: Statistics) -> str:
    return f"{100 * stats['confidence']:g}\\,\\%"
