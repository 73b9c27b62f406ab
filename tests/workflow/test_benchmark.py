"""The workflow as a user runs it: a whole benchmark at tiny scale, then what an edit reruns."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from daf.cluster.forecast import Cluster, MeasuredTimes, forecast
from daf.config import BenchmarkConfig
from daf.evaluation.replay import Replay
from daf.plan import make_plan

ROOT = Path(__file__).parents[2]
TINY = {
    "name": "tiny",
    "policies": ["stateless", {"class_path": "lstm", "init_kwargs": {"hidden_size": 16}}, "random"],
    "missions": ["assembler_1", "training_facility_1"],
    "training_seeds": [1],
    "training": {
        "missions": ["assembler_1"],
        "steps": 300,
        "worlds": 4,
        "rollout_length": 32,
    },
    "evaluation": {"episodes": 3},
}


class Project:
    """A copy of the checkout with its own results, so that code and configuration can be edited."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("daf", "workflow", "config"):
            shutil.copytree(ROOT / name, folder / name)
        self.configure(TINY)

    def configure(self, config: dict) -> None:
        (self.folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def make(self, *options: str, target: str = "benchmark_report") -> str:
        """Run snakemake; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", target, *options],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def planned(self) -> dict[str, int]:
        """How many jobs of each rule would run now."""
        table = self.make("--dry-run").partition("Job stats:")[2]
        jobs = dict(re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE))
        return {
            rule: int(n) for rule, n in jobs.items() if rule not in ("total", "benchmark_report")
        }

    def hashes(self, *kinds: str) -> dict[str, str]:
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for kind in kinds
            for path in sorted((self.folder / "results").rglob(kind))
            if not path.name.endswith(".prov.json")
        }


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Project:
    project = Project(tmp_path_factory.mktemp("made"))
    project.make("--cores", "2")
    return project


@pytest.fixture
def project(made, tmp_path) -> Project:
    """A made project of one's own to edit; `cp -p` keeps the times that Snakemake looks at."""
    folder = tmp_path / "project"
    shutil.copytree(made.folder, folder)
    copy = object.__new__(Project)
    copy.folder = folder
    return copy


def test_everything_promised_is_there(made):
    results = made.folder / "results"
    runs = sorted(path.name for path in (results / "runs").iterdir())
    assert [run.rsplit("-", 1)[0] for run in runs] == [
        "lstm-s1",
        "stateless-s1",
    ]
    for run in runs:
        described = json.loads((results / "runs" / run / "run.json").read_text())
        assert described["run"] == run and described["steps"] == 384  # whole updates of 128
        curve = pd.read_parquet(results / "runs" / run / "metrics.parquet")
        assert curve["steps"].tolist() == [128, 256, 384]
    for player in [*runs, "random"]:
        for mission in TINY["missions"]:
            folder = results / "evaluations" / f"{player}-e3-w0"
            table = pd.read_parquet(folder / f"{mission}.parquet")
            assert table["episode"].tolist() == [0, 1, 2]
            assert (table["run"] == player).all() and (table["mission"] == mission).all()
            assert table["score"].equals(table["hearts_stored"].astype(float))
            (episode,) = Replay.read(folder / f"{mission}.replay.json").episodes
            first = table.iloc[0]
            assert (episode.world_seed, episode.steps) == (first["world_seed"], first["steps"])
            assert episode.score == first["score"]
    seeds = {
        tuple(pd.read_parquet(path)["world_seed"])
        for path in (results / "evaluations").rglob("assembler_1.parquet")
    }
    assert len(seeds) == 1, "every policy meets the same worlds"
    stats = json.loads((results / "benchmarks" / "tiny" / "stats.json").read_text())
    assert set(stats["best_policy"].split(", ")) <= {"stateless", "lstm", "random"}
    report = (results / "benchmarks" / "tiny" / "report.html").read_text()
    assert stats["best_policy"] in report and "assembler_1" in report
    for policy in ("stateless", "lstm", "random"):
        for mission in TINY["missions"]:
            assert f">{policy} on {mission}: " in report  # may be watched


def test_every_job_left_a_sidecar_that_tells_the_truth(made):
    vouched = {}
    for sidecar in (made.folder / "results").rglob("*.prov.json"):
        record = json.loads(sidecar.read_text())
        for group in record["outputs"].values():
            vouched |= {f"results/{path}": digest for path, digest in group.items()}
        for group in (*record["inputs"].values(), record["log"]):
            for path, digest in group.items():
                content = (made.folder / "results" / path).read_bytes()
                assert hashlib.sha256(content).hexdigest() == digest
        assert record["elsewhere"] == {}
        assert record["command"][:2] == ["snakemake", "benchmark_report"]
        assert not any(word.startswith("/") for word in record["command"])
        assert record["log"] or record["rule"] == "pipeline"
    hashes = made.hashes("*.parquet", "*.safetensors", "*.html", "*.json")
    assert vouched == hashes


def test_snakemakes_own_report_holds_the_main_outputs_with_captions(made, tmp_path):
    made.make("--report", str(tmp_path / "own.html"))
    page = (tmp_path / "own.html").read_text()
    runs = (made.folder / "results" / "runs").iterdir()
    shown = ["results/environment.json", *(f"results/runs/{r.name}/metrics.parquet" for r in runs)]
    shown += [f"results/benchmarks/tiny/{name}" for name in ("report.html", "stats.json")]
    for file in shown:
        assert re.search(rf'"{file}": {{"name": .{{,400}}"caption": "<p>[A-Z]', page), file


def test_a_forecast_counts_the_files_that_are_made(made):
    plan = make_plan(BenchmarkConfig.model_validate(TINY))
    results = made.folder / "results"
    measured = MeasuredTimes.read(results / "timings", plan)
    assert len(measured.training) == 2 and len(measured.evaluation) == 3
    found = forecast(plan, measured, Cluster(slots=2))
    folders = ["runs", "evaluations"]
    folders += [f"{kind}/{rule}" for kind in ("logs", "timings") for rule in ("train", "evaluate")]
    there = [path for name in folders for path in (results / name).rglob("*") if path.is_file()]
    assert found.files == len(there)


def test_a_second_call_does_nothing(made):
    assert made.planned() == {}
    assert "Nothing to be done" in made.make()


def test_the_same_configuration_gives_the_same_bytes(made, tmp_path):
    again = Project(tmp_path / "again")
    again.make("--cores", "1")
    kinds = ("*.parquet", "*.safetensors", "*.json", "*.html")
    assert again.hashes(*kinds) == made.hashes(*kinds)


def test_a_learning_rate_retrains_what_uses_it(project):
    lstm = {**TINY["policies"][1], "training": {"learning_rate": 0.0005}}
    project.configure(TINY | {"policies": ["stateless", lstm, "random"]})
    assert project.planned() == {"train": 1, "evaluate": 1, "compare": 1, "report": 1}


def test_a_new_seed_trains_once_more(project):
    project.configure(TINY | {"training_seeds": [1, 2]})
    assert project.planned() == {"train": 2, "evaluate": 2, "compare": 1, "report": 1}


def test_a_new_mission_is_played_and_nothing_else(project):
    project.configure(TINY | {"missions": [*TINY["missions"], "assembler_2"]})
    assert project.planned() == {"evaluate": 3, "compare": 1, "report": 1}
    played = {file: (project.folder / file).stat().st_ino for file in project.hashes("*.parquet")}
    assert "evaluate_variant" not in project.make(target="evaluations")
    assert played == {file: (project.folder / file).stat().st_ino for file in played}
    assert len(list((project.folder / "results/evaluations").rglob("assembler_2.parquet"))) == 3
    assert project.planned() == {"compare": 1, "report": 1}


def test_a_mission_that_one_policy_lacks_is_left_out_for_it_alone(project):
    project.configure(TINY | {"missing": {"evaluations": ["random/assembler_1"]}})
    folder = project.folder / "results" / "evaluations" / "random-e3-w0"
    for file in folder.iterdir():
        file.unlink()
    assert project.planned() == {"evaluate_variant_1": 1, "compare": 1, "report": 1}
    project.make()
    assert sorted(file.name for file in folder.glob("*.parquet")) == ["training_facility_1.parquet"]
    assert project.planned() == {}


def test_a_new_environment_check_repeats_nothing_and_hides_nothing(project):
    before = project.hashes("policy.safetensors")
    times = {file: (project.folder / file).stat().st_mtime_ns for file in before}
    # So many episodes need more disk, which has to be checked again.
    project.configure(TINY | {"training_seeds": [1, 2], "evaluation": {"episodes": 150_000}})
    project.make(target="trainings")
    after = project.hashes("policy.safetensors")
    assert len(after) == len(before) + 2
    assert times == {file: (project.folder / file).stat().st_mtime_ns for file in before}
    assert "2048 MB free" in (project.folder / "results" / "environment.json").read_text()


def test_a_comment_retrains_nothing(project):
    project.edit("daf/learn/ppo.py", "import torch\n", "import torch  # a remark\n")
    (project.folder / "workflow" / "scripts" / "train.py").touch()
    assert project.planned() == {}


def test_logic_retrains_what_uses_it(project):
    project.edit("daf/learn/advantage.py", "gamma * gae_lambda", "gae_lambda * gamma")
    assert project.planned() == {"train": 2, "evaluate": 2, "compare": 1, "report": 1}


def test_logic_of_a_rules_script_counts(project):
    project.edit("workflow/scripts/compare.py", "with job", "left_out = []\n\nwith job")
    assert project.planned() == {"compare": 1, "report": 1}


def test_the_template_rebuilds_the_report_alone(project):
    project.edit("daf/report/templates/report.html.j2", "</body>", "<!-- new --></body>")
    assert project.planned() == {"report": 1}


def test_reference_results_are_those_of_their_own_configuration(tmp_path):
    """In the jobs, too, which are calls of Snakemake of their own."""
    project = Project(tmp_path)
    small = TINY | {"name": "small", "policies": ["random"], "missions": ["assembler_1"]}
    (tmp_path / "config" / "reference.yaml").write_text(yaml.safe_dump(small))
    project.make("--cores", "2", target="reference_results")
    assert [path.name for path in (tmp_path / "results" / "benchmarks").iterdir()] == ["small"]
    (sidecar,) = (tmp_path / "results" / "benchmarks").glob("small/report.html.prov.json")
    command = json.loads(sidecar.read_text())["command"]
    assert command[:2] == ["snakemake", "reference_results"]


def test_a_failed_report_leaves_the_old_one(project):
    report = project.folder / "results" / "benchmarks" / "tiny" / "report.html"
    before = report.read_bytes()
    project.edit("daf/report/templates/report.html.j2", "</body>", "{{ nothing.at.all }}</body>")
    with pytest.raises(AssertionError, match="error in report: "):
        project.make()
    assert report.read_bytes() == before
