"""Workflow tests: a complete tiny benchmark, and the jobs that run after an edit."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml

from daf.cluster.cost_forecast import Cluster, forecast_cost
from daf.cluster.measured_times import MeasuredTimes
from daf.config import BenchmarkConfig
from daf.evaluation.known_play import KnownPlay
from daf.evaluation.replay import Replay
from daf.plan import make_plan

ROOT = Path(__file__).parents[2]
TINY = {
    "name": "tiny",
    "policies": ["stateless", "lstm", "random"],
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
TARGETS = ("benchmark_report", "best_known", "evaluations")


class Project:
    """Editable copy of the checkout with separate results."""

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
        """Run Snakemake and return its output."""
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", target, *options],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def planned_jobs(self) -> dict[str, int]:
        """Return the number of jobs by rule that a call would run."""
        return self.count_jobs(self.make("--dry-run"))

    def make_and_count_jobs(self, target: str = "benchmark_report") -> dict[str, int]:
        """Run Snakemake and return the number of executed jobs by rule."""
        return self.count_jobs(self.make("--printshellcmds", target=target))

    @staticmethod
    def count_jobs(printed: str) -> dict[str, int]:
        """Return the number of jobs by rule, without targets, from the output of Snakemake."""
        started = re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):$", printed, re.MULTILINE)
        return dict(Counter(rule for rule in started if rule not in TARGETS))

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
    """Editable copy of the finished project, with equal modification times."""
    folder = tmp_path / "project"
    shutil.copytree(made.folder, folder)
    copy = object.__new__(Project)
    copy.folder = folder
    return copy


def test_all_results_exist(made):
    results = made.folder / "results"
    runs = sorted(path.name for path in (results / "runs").iterdir())
    assert [run.rsplit("-", 1)[0] for run in runs] == [
        "lstm-s1",
        "stateless-s1",
    ]
    for run in runs:
        run_json = json.loads((results / "runs" / run / "run.json").read_text())
        assert run_json["run"] == run and run_json["steps"] == 384  # whole updates of 128
        curve = pd.read_parquet(results / "runs" / run / "metrics.parquet")
        assert curve["steps"].tolist() == [128, 256, 384]
    for contestant in [*runs, "random"]:
        for mission in TINY["missions"]:
            folder = results / "evaluations" / f"{contestant}-e3-w0"
            table = pd.read_parquet(folder / f"{mission}.parquet")
            assert table["episode"].tolist() == [0, 1, 2]
            assert (table["run"] == contestant).all() and (table["mission"] == mission).all()
            assert table["score"].equals(table["hearts_stored"].astype(float))
            (episode,) = Replay.read(folder / f"{mission}.replay.json").episodes
            first = table.iloc[0]
            assert (episode.world_seed, episode.steps) == (first["world_seed"], first["steps"])
            assert episode.score == first["score"]
    seeds = {
        tuple(pd.read_parquet(path)["world_seed"])
        for path in (results / "evaluations").rglob("assembler_1.parquet")
    }
    assert len(seeds) == 1, "all policies have the same world seeds"
    stats = json.loads((results / "benchmarks" / "tiny" / "stats.json").read_text())
    assert set(stats["best_policy"].split(", ")) <= {"stateless", "lstm", "random"}
    report = (results / "benchmarks" / "tiny" / "report.html").read_text()
    assert all(name in report for name in (*stats["best_policies"], "assembler_1"))
    for policy in ("stateless", "lstm", "random"):
        for mission in TINY["missions"]:
            assert f">{policy} on {mission}: " in report  # embedded replays


def test_sidecars_match_all_files(made):
    recorded = {}
    for sidecar in (made.folder / "results").rglob("*.prov.json"):
        record = json.loads(sidecar.read_text())
        for group in record["outputs"].values():
            recorded |= {f"results/{path}": digest for path, digest in group.items()}
        for group in (*record["inputs"].values(), record["log"]):
            for path, digest in group.items():
                content = (made.folder / "results" / path).read_bytes()
                assert hashlib.sha256(content).hexdigest() == digest
        assert record["elsewhere"] == {}
        assert record["command"][:2] == ["snakemake", "benchmark_report"]
        assert not any(word.startswith("/") for word in record["command"])
        assert record["log"] or record["rule"] == "pipeline"
    hashes = made.hashes("*.parquet", "*.safetensors", "*.html", "*.json")
    assert recorded == hashes


def test_snakemake_report_contains_main_outputs_with_captions(made, tmp_path):
    made.make("--report", str(tmp_path / "snakemake.html"))
    page = (tmp_path / "snakemake.html").read_text()
    runs = (made.folder / "results" / "runs").iterdir()
    shown = ["results/environment.json", *(f"results/runs/{r.name}/metrics.parquet" for r in runs)]
    shown += [f"results/benchmarks/tiny/{name}" for name in ("report.html", "stats.json")]
    for file in shown:
        assert re.search(rf'"{file}": {{"name": .{{,400}}"caption": "<p>[A-Z]', page), file


def test_forecast_counts_the_written_files(made):
    plan = make_plan(BenchmarkConfig.model_validate(TINY))
    results = made.folder / "results"
    measured = MeasuredTimes.read(results / "timings", plan)
    assert len(measured.seconds_per_agent_step) == 2 and len(measured.seconds_per_evaluation) == 3
    prediction = forecast_cost(plan, measured, Cluster(slots=2))
    folders = ["runs", "evaluations"]
    folders += [f"{kind}/{rule}" for kind in ("logs", "timings") for rule in ("train", "evaluate")]
    files = [path for name in folders for path in (results / name).rglob("*") if path.is_file()]
    assert prediction.num_result_files == len(files)


def test_second_call_runs_no_job(made):
    assert "Nothing to be done" in made.make()


def test_equal_configurations_give_equal_bytes(made, tmp_path):
    """Also from `config/reference.yaml`, which the target `reference_results` reads instead."""
    again = Project(tmp_path / "again")
    again.configure(TINY | {"name": "other", "policies": ["noop"]})
    (again.folder / "config" / "reference.yaml").write_text(yaml.safe_dump(TINY))
    again.make("--cores", "1", target="reference_results")
    folder = again.folder / "results" / "benchmarks" / "tiny"
    command = json.loads((folder / "report.html.prov.json").read_text())["command"]
    assert command[:2] == ["snakemake", "reference_results"]
    page = (folder / "report.html").read_text()
    option = " --configfile config/reference.yaml"
    assert option in page
    (folder / "report.html").write_text(page.replace(option, ""))
    kinds = ("*.parquet", "*.safetensors", "*.json", "*.html")
    assert again.hashes(*kinds) == made.hashes(*kinds)


def test_new_learning_rate_retrains_its_policy(project):
    lstm = {"class_path": "lstm", "training": {"learning_rate": 0.0005}}
    project.configure(TINY | {"policies": ["stateless", lstm, "random"]})
    assert project.planned_jobs() == {"train": 1, "evaluate": 1, "compare": 1, "report": 1}


def test_new_seed_adds_a_run_per_policy(project):
    project.configure(TINY | {"training_seeds": [1, 2]})
    assert project.planned_jobs() == {"train": 2, "evaluate": 2, "compare": 1, "report": 1}


def test_new_mission_adds_evaluations_only(project):
    project.configure(TINY | {"missions": [*TINY["missions"], "assembler_2"]})
    inodes = {file: (project.folder / file).stat().st_ino for file in project.hashes("*.parquet")}
    assert project.make_and_count_jobs(target="evaluations") == {"evaluate": 3}
    assert inodes == {file: (project.folder / file).stat().st_ino for file in inodes}
    assert len(list((project.folder / "results/evaluations").rglob("assembler_2.parquet"))) == 3
    assert project.planned_jobs() == {"compare": 1, "report": 1}


def test_missing_evaluation_of_one_policy(project):
    project.configure(TINY | {"missing": {"evaluations": ["random/assembler_1"]}})
    folder = project.folder / "results" / "evaluations" / "random-e3-w0"
    for file in folder.iterdir():
        file.unlink()
    assert project.make_and_count_jobs() == {"evaluate_variant_1": 1, "compare": 1, "report": 1}
    assert sorted(file.name for file in folder.glob("*.parquet")) == ["training_facility_1.parquet"]
    assert project.planned_jobs() == {}


def test_new_environment_check_keeps_runs(project):
    before = project.hashes("policy.safetensors")
    times = {file: (project.folder / file).stat().st_mtime_ns for file in before}
    # More episodes need more disk space, which changes the environment check.
    more = {"policies": ["stateless", "random"], "training_seeds": [1, 2]}
    project.configure(TINY | more | {"evaluation": {"episodes": 200_000}})
    project.make(target="trainings")
    after = project.hashes("policy.safetensors")
    assert len(after) == len(before) + 1
    assert times == {file: (project.folder / file).stat().st_mtime_ns for file in before}
    assert "2048 MB free" in (project.folder / "results" / "environment.json").read_text()


def test_changed_logic_reruns_its_jobs(project):
    project.edit("daf/learn/advantage.py", "gamma * gae_lambda", "gae_lambda * gamma")
    assert project.planned_jobs() == {"train": 2, "evaluate": 2, "compare": 1, "report": 1}


def test_changed_script_reruns_its_jobs(project):
    project.edit("workflow/scripts/compare.py", "with run_job", "left_out = []\n\nwith run_job")
    assert project.planned_jobs() == {"compare": 1, "report": 1}


def test_changed_template_rebuilds_the_report_only(project):
    """A comment and a touched script, which change no logic, rerun no job."""
    project.edit("daf/learn/ppo.py", "import torch\n", "import torch  # a remark\n")
    (project.folder / "workflow" / "scripts" / "train.py").touch()
    project.edit("daf/report/templates/report.html.j2", "</body>", "<!-- new --></body>")
    assert project.planned_jobs() == {"report": 1}


def test_failed_report_keeps_the_old_report(project):
    report = project.folder / "results" / "benchmarks" / "tiny" / "report.html"
    before = report.read_bytes()
    project.edit("daf/report/templates/report.html.j2", "</body>", "{{ nothing.at.all }}</body>")
    with pytest.raises(AssertionError, match=r"report benchmarks/tiny: failed: .* is undefined"):
        project.make()
    assert report.read_bytes() == before


def test_best_known_play_of_recorded_episodes(project):
    (project.folder / "daf" / "known_plays" / "assembler_1.json").unlink()
    file = project.folder / "results" / "best_known" / "assembler_1.json"
    config = {"policies": ["baseline"], "missions": ["assembler_1"]}
    config["evaluation"] = {"episodes": 2, "recorded_episodes": 2}
    (project.folder / "config" / "best_known.yaml").write_text(yaml.safe_dump(config))
    project.make("--cores", "1", target="best_known")
    [replay] = (project.folder / "results" / "evaluations").glob("baseline-*/*.replay.json")
    play = KnownPlay.read(file)
    assert play.score == max(episode.score for episode in Replay.read(replay).episodes) > 0
    assert project.make_and_count_jobs("best_known") == {}
