"""How the tests run the commands of each page, and which ones they do not run."""

from dataclasses import dataclass, field

INSTALLATION = "installs packages; .ci/run calls make"
SHELL = "changes the shell; the tests run in the environment"
TESTS = "runs tests of this repository"
DEMO = "trains for half a minute; tests/cli/test_demo.py covers it"
CLUSTER = "needs a cluster; tests/slurm and tests/cluster cover it"
METTAGRID = "needs mettagrid; tests/with_mettagrid covers it"
GPU = "needs a GPU"
HOURS = "takes hours; runs as a dry run"
EXAMPLES = "needs the extras; tests/envs/test_examples.py covers it"
EXTRAS = "needs the extras; tests/export covers it"
SERVER = "serves until Ctrl-C; tests/progress/test_serve.py covers it"
MEASUREMENT = "measures speed for minutes"
PRETRAINING = "trains for an hour"
BEST_KNOWN = "records episodes for minutes; tests/workflow/test_benchmark.py covers it"


@dataclass(frozen=True)
class Page:
    """How the tests run the commands of a page."""

    needs: str | None = None
    """Page whose files and results this page presupposes."""
    is_literal: bool = False
    """True: the commands run with the documented numbers of steps, episodes, seeds and trials."""
    values: dict[str, str] = field(default_factory=dict)
    """Values of the placeholders; a value with `*` is the first file, or the name of
    the first folder, that matches."""
    statuses: dict[str, int] = field(default_factory=dict)
    """Exit statuses other than 0, by command."""
    prints: dict[str, str] = field(default_factory=dict)
    """Text of the page that a command prints, by command."""
    not_run: dict[str, str] = field(default_factory=dict)
    """Reasons of commands that the tests do not run, by command."""
    programs_not_run: str | None = None
    """Reason why the Python programs of the page do not run; None: they run."""
    absent: tuple[str, ...] = ()
    """Paths in the text that the commands of the page do not make."""


ON_SLURM = "snakemake benchmark_report --workflow-profile workflow/profiles/slurm"
AUDIT = "daf audit results"
PAGES = {
    "docs/tutorials/first_benchmark.md": Page(
        is_literal=True,
        statuses={AUDIT: 3},
        prints={AUDIT: "28 result files"},
        not_run={
            "make .venv/.installed": INSTALLATION,
            "source .venv/bin/activate": SHELL,
            "daf demo": DEMO,
        },
    ),
    "docs/tutorials/first_policy.md": Page(
        needs="docs/tutorials/first_benchmark.md", is_literal=True
    ),
    "README.md": Page(
        not_run={"make demo": DEMO, "make benchmark": INSTALLATION, "make test": TESTS}
    ),
    "docs/how-to/add_a_mission.md": Page(),
    "docs/how-to/a_policy_that_never_scores.md": Page(
        is_literal=True,
        not_run={
            "daf export video results/evaluations/POLICY/MISSION.replay.json episode.gif "
            "--frames 100": EXTRAS,
        },
    ),
    "docs/how-to/evaluate_while_training.md": Page(
        is_literal=True, values={"RUN": "results/runs/stateless-s1-*"}
    ),
    "docs/how-to/audit_results.md": Page(
        needs="docs/tutorials/first_benchmark.md",
        values={
            "RESULTS": "results",
            "RUN": "results/runs/stateless-s1-*",
            "FILE.zip": "crate.zip",
        },
        # 3: weights of runs that were not retrained are unverifiable.
        statuses={
            "snakemake audit": 1,
            "daf audit RESULTS": 3,
            "daf audit RESULTS --read-only": 3,
            "daf audit RESULTS --share 1": 3,
            "daf audit RESULTS --retrain RUN": 3,
            "daf audit RESULTS --seed 7": 3,
            "daf audit RESULTS --trust mine.py:Network": 3,
        },
    ),
    "docs/how-to/benchmark.md": Page(
        values={"RUN": "results/runs/lstm-s1-*"}, not_run={"make benchmark": INSTALLATION}
    ),
    "docs/how-to/export.md": Page(
        needs="docs/how-to/benchmark.md",
        not_run={
            "pip install 'daf[tensorboard]'": INSTALLATION,
            "daf export tensorboard results events": EXTRAS,
            "tensorboard --logdir events": EXTRAS,
            "daf train stateless --missions assembler_1 --steps 20000 --tensorboard events": EXTRAS,
            "pip install 'daf[figures]'": INSTALLATION,
            "daf export figures results figures": EXTRAS,
            "pip install 'daf[video]'": INSTALLATION,
            "daf export video results/evaluations/POLICY/MISSION.replay.json episode.gif": EXTRAS,
            "daf export video results/evaluations/POLICY/MISSION.replay.json episode.mp4 "
            "--frames 100": EXTRAS,
        },
    ),
    "docs/how-to/gpus_and_colocated_runs.md": Page(
        not_run={
            "snakemake benchmark_report --configfile config/reference_gpu.yaml": HOURS,
            "make gpu-benchmark": GPU,
        },
    ),
    "docs/how-to/run_on_a_cluster.md": Page(
        not_run={
            "snakemake benchmark_report --software-deployment-method apptainer "
            "--apptainer-args=--nv": "needs apptainer",
            "git clone URL daf && cd daf": CLUSTER,
            "module load python/3.11": CLUSTER,
            "make .venv/.installed": INSTALLATION,
            "source .venv/bin/activate": SHELL,
            "pip install -r requirements-cluster.lock": INSTALLATION,
            "tmux": SHELL,
            f"{ON_SLURM} --dry-run": CLUSTER,
            ON_SLURM: CLUSTER,
            "apptainer exec --nv daf.sif daf benchmark": CLUSTER,
            "kubectl create role daf --verb=create,get,list,delete --resource=jobs": CLUSTER,
            "kubectl create rolebinding daf --role=daf --serviceaccount=NAMESPACE:default": CLUSTER,
            "cp /opt/daf/workflow/profiles/kubernetes/job.yaml kubernetes.yaml": CLUSTER,
            "daf benchmark --profile kubernetes": CLUSTER,
        },
    ),
    "docs/how-to/ship_a_bundle.md": Page(
        needs="docs/how-to/benchmark.md",
        values={
            "POLICY": "results/deployments/*.zip",
            "FILE.zip": "results/deployments/*.zip",
            "FILE.pt2": "policy.pt2",
            "FOLDER": "unpacked",
        },
    ),
    "docs/how-to/size_a_study.md": Page(
        needs="docs/how-to/benchmark.md",
        values={
            "FILE": "config/config.yaml",
            "small.yaml": "study.yaml",
            "large.yaml": "study.yaml",
        },
    ),
    "docs/how-to/best_known_play.md": Page(
        not_run={
            "snakemake best_known": BEST_KNOWN,
            "snakemake best_known --configfile FILE.yaml": BEST_KNOWN,
        },
    ),
    "docs/how-to/use_pretrained_policies.md": Page(
        not_run={
            "daf benchmark --config config/pretrained_facilities.yaml --deploy": PRETRAINING,
            "daf benchmark --config config/pretrained_rooms.yaml --deploy": PRETRAINING,
        },
    ),
    "docs/how-to/sweep.md": Page(),
    "docs/how-to/use_mettagrid.md": Page(
        needs="docs/how-to/benchmark.md",
        values={"RUN": "results/runs/lstm-s1-*"},
        not_run={
            "pip install 'daf[mettagrid]'": INSTALLATION,
            "daf compare mettagrid:random random --missions training_facility_1": METTAGRID,
            "daf mettagrid check assembler_1 --seeds 20 --steps 1000": METTAGRID,
            "python -m pytest -m 'mettagrid and not slow'": TESTS,
            "python -m pytest -m mettagrid": TESTS,
        },
    ),
    "docs/how-to/use_other_libraries.md": Page(
        programs_not_run="parts of a program, which need the extras; tests/envs covers them",
        not_run={
            "python docs/examples/sb3_ppo.py --mission assembler_2 --seed 1 --output "
            "sb3.safetensors": EXAMPLES,
            "daf compare stateless@sb3.safetensors baseline --missions assembler_2": EXAMPLES,
            "python docs/examples/sb3_ppo.py --seed 1 --output sb3-1.safetensors": EXAMPLES,
            "daf benchmark --config docs/examples/sb3.yaml": EXAMPLES,
        },
    ),
    "docs/how-to/watch_progress.md": Page(
        needs="docs/how-to/benchmark.md",
        not_run={"daf watch results --serve 8050": SERVER},
    ),
    "docs/reference/rules_and_profiles.md": Page(
        needs="docs/how-to/benchmark.md",
        absent=("results/engine/report.html", "results/deployments/POLICY.zip"),
    ),
    "docs/explanation/engine.md": Page(
        not_run={
            "python -m pytest tests/sim/test_parity.py": TESTS,
            "python -m pytest -m '' tests/sim/test_reference.py": TESTS,
            "python -m pytest -m '' tests/sim/test_random_missions.py": TESTS,
        },
    ),
    "docs/measurements/reference_policies.md": Page(
        not_run={
            "make benchmark": INSTALLATION,
            "snakemake reference_results": HOURS,
            "snakemake benchmark_report --configfile config/halls.yaml": HOURS,
            "snakemake benchmark_report --configfile config/memory.yaml": HOURS,
            "snakemake benchmark_report --configfile config/team_critic.yaml": HOURS,
        },
    ),
    "docs/measurements/speed.md": Page(
        not_run={
            "pip install 'daf[mettagrid]'": INSTALLATION,
            "python -m daf.sim.benchmark --mission MISSION": MEASUREMENT,
            "snakemake engine_benchmark": MEASUREMENT,
            "python -m daf.sim.benchmark --scaling": MEASUREMENT,
        },
    ),
}
