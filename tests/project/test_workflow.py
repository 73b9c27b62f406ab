"""The workflow fits in Snakemake's ecosystem: catalog, test configurations, report, containers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SNAKEFILE = ROOT / "workflow" / "Snakefile"

# Runs the command of `apptainer exec IMAGE bash -c COMMAND` without a container.
APPTAINER = f"""#!{sys.executable}
import os, subprocess, sys
from pathlib import Path
if sys.argv[1] == "--version":
    sys.exit(print("apptainer version 1.4.0"))
with open("apptainer.txt", "a") as file:
    print(*sys.argv[1:-1], file=file)
environment = os.environ | {{"PATH": f"{{Path(sys.executable).parent}}:{{os.environ['PATH']}}"}}
sys.exit(subprocess.call(["bash", "-c", sys.argv[-1]], env=environment))
"""


def snakemake(
    folder: Path, *options: str, path: str = os.environ["PATH"]
) -> subprocess.CompletedProcess:
    command = [sys.executable, "-P", "-m", "snakemake", *("--snakefile", SNAKEFILE), *options]
    environment = os.environ | {"PATH": path}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture
def folder(tmp_path):
    """Copy of the folder of the test configurations."""
    ignored = shutil.ignore_patterns("results", ".snakemake")
    return shutil.copytree(ROOT / ".test", tmp_path / "test", ignore=ignored)


def test_the_repository_has_what_the_catalog_asks_for(folder):
    """See "Adding workflows" of https://snakemake.github.io/snakemake-workflow-catalog."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in readme and "workflow" in readme
    assert list((ROOT / "workflow" / "rules").glob("*.smk"))
    assert (ROOT / "config" / "README.md").is_file()
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage.keys() == {"mandatory-flags", "software-stack-deployment", "report"}
    assert usage["mandatory-flags"].keys() == {"desc", "flags"}
    assert all(isinstance(value, bool) for value in usage["software-stack-deployment"].values())
    assert usage["report"] == usage["software-stack-deployment"]["report"]
    # The catalog draws the graph of the rules by this command.
    options = ("--cores", "1", "--directory", folder, "--forceall", "--rulegraph")
    graph = snakemake(folder, *options).stdout
    assert "digraph" in graph
    for rule in ("environment_check", "train", "evaluate", "compare", "report"):
        assert f'label = "{rule}"' in graph


def test_a_dry_run_plans_the_sweep_of_the_test_configurations(folder):
    config = folder / "config" / "sweep.yaml"
    options = ("sweep", "--directory", folder, "--configfile", config, "--cores", "1", "--dry-run")
    done = snakemake(folder, *options)
    assert "sweep_report" in done.stdout + done.stderr


@pytest.mark.slow
def test_jobs_run_in_the_container_of_the_workflow(folder):
    programs = folder / "programs"
    programs.mkdir()
    (programs / "apptainer").write_text(APPTAINER)
    (programs / "apptainer").chmod(0o755)
    snakemake(
        *(folder, "results/environment.json", "--directory", folder, "--cores", "1"),
        *("--software-deployment-method", "apptainer"),
        path=f"{programs}{os.pathsep}{os.environ['PATH']}",
    )
    [call] = (folder / "apptainer.txt").read_text().splitlines()
    assert call.split()[-3:] == ["daf.sif", "bash", "-c"]
    assert (folder / "results" / "environment.json").is_file()


@pytest.mark.slow
def test_the_benchmark_of_the_test_configurations_runs_with_a_report_of_snakemake(folder):
    options = ("--directory", folder, "--cores", "2")
    snakemake(folder, *options)
    assert (folder / "results" / "benchmarks" / "test" / "report.html").is_file()
    report = folder / "snakemake.html"
    snakemake(folder, *options, "--report", report)
    text = report.read_text(encoding="utf-8")
    for name in ("Learning curves", "stats.json", "report.html", "Cogs vs Clips"):
        assert name in text
