"""DAF as a `module` of another Snakemake workflow."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from daf.provenance.sidecar import Sidecar

ROOT = Path(__file__).parents[2]
STUDY = {
    "name": "tiny",
    "policies": ["stateless", "random"],
    "missions": ["assembler_1"],
    "training_seeds": [1],
    "training": {"steps": 128, "worlds": 4, "rollout_length": 32, "learning_rate": "1e-3"},
    "evaluation": {"episodes": 2},
    "execution": {"device": "cpu"},
}
MODULE = """
module {name}:
    snakefile: "{snakefile}"
    {options}


use rule * from {name} as {name}_*
"""
PARENT = """
configfile: "parent.yaml"


rule all:
    input:
        "summary.txt",

{modules}

use rule train from second as second_train with:
    threads: 1


rule summarize:
    input:
        rules.first_trainings.input,
        rules.second_trainings.input,
    output:
        "summary.txt",
    shell:
        "wc -c {{input}} > {{output}}"
"""


def declare_module(name: str, options: str) -> str:
    return MODULE.format(name=name, options=options, snakefile=ROOT / "workflow" / "Snakefile")


def write_parent(folder: Path, *modules: str) -> None:
    (folder / "Snakefile").write_text(PARENT.format(modules="\n\n".join(modules)))
    config = {"first": STUDY, "second": STUDY | {"training_seeds": [2]}}
    (folder / "parent.yaml").write_text(yaml.safe_dump(config))


def call_snakemake(folder: Path, *options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-P", "-m", "snakemake", "--cores", "2", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.slow
def test_a_workflow_trains_in_two_modules_with_and_without_prefix(tmp_path):
    first = declare_module("first", 'config: config["first"]')
    second = declare_module("second", 'config: config["second"]\n    prefix: "study"')
    write_parent(tmp_path, first, second)
    done = call_snakemake(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = (tmp_path / "summary.txt").read_text()
    assert " results/runs/stateless-s1-" in summary
    assert " study/results/runs/stateless-s2-" in summary
    files = [file for file in tmp_path.rglob("*.prov.json") if "environment" not in file.name]
    assert sorted(file.relative_to(tmp_path).parts[0] for file in files) == ["results", "study"]
    # The sidecars have the names of DAF's rules, by which an audit finds their scripts.
    assert [Sidecar.read(file).rule for file in files] == ["train", "train"]

    again = call_snakemake(tmp_path, "--dry-run", "first_benchmark_report", "all")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "first_evaluate" in again.stdout + again.stderr
    assert "train" not in again.stdout.partition("Job stats:")[2]


def test_a_workflow_of_the_module_alone_makes_the_report_of_the_benchmark(tmp_path):
    """As Snakemake's `snakedeploy deploy-workflow` writes it."""
    declaration = declare_module("daf", "config: config").replace(" as daf_*", "")
    (tmp_path / "Snakefile").write_text('configfile: "parent.yaml"\n' + declaration)
    (tmp_path / "parent.yaml").write_text(yaml.safe_dump(STUDY))
    done = call_snakemake(tmp_path, "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    table = (done.stdout + done.stderr).partition("Job stats:")[2]
    assert [line.split() for line in table.splitlines() if line.startswith("train ")] == [
        ["train", "1"]
    ] * 2
    assert "benchmark_report" in table


def test_a_module_without_configuration_is_an_error_of_one_line(tmp_path):
    write_parent(tmp_path, declare_module("first", ""))
    done = call_snakemake(tmp_path, "--dry-run")
    assert done.returncode != 0
    assert "error: module first: got no configuration; expected the key 'config'" in (
        done.stdout + done.stderr
    )
