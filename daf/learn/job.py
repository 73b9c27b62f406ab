"""Training jobs of the workflow: one process, or several ranks that torchrun starts."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from daf.config import ConfigError, ExecutionConfig, Model
from daf.config.model import Int
from daf.files.parquet import save_table
from daf.files.safe_write import remove_stale_temporaries, temporary_path
from daf.files.text_files import write_json, write_text
from daf.jobs.log import LOG_FAILURE
from daf.jobs.never_scored import describe_never_scored
from daf.learn.checkpoints import CheckpointFolder
from daf.learn.colocated import train_colocated
from daf.learn.ranks import SINGLE_RANK, Ranks
from daf.learn.resume import ResumeFile, make_resume_file_context
from daf.learn.train import train
from daf.plan import Run
from daf.provenance.hashing import digest

SECONDS_TO_SAVE = 60.0
"""Time limit for ranks to finish an update and save after a stop request, in s."""


class TrainingJob(Model):
    """Parameters of a training job.

    Attributes:
        run: training run.
        device: "cpu" or "cuda".
        initial_weights: file with the run's `initial_digest`; None without one.
        code: hash of the training code.
        execution: configuration of execution.
        threads: number of threads per node.
        output_paths: paths of the outputs, by their names in the rule.
    """

    run: Run
    device: str
    initial_weights: str | None
    code: str
    execution: ExecutionConfig
    threads: Int
    output_paths: dict[str, str]

    def make_resume_file_context(self, ranks: Ranks = SINGLE_RANK) -> ResumeFile:
        """Return the resume state of the run."""
        return make_resume_file_context(self.run, self.execution, self.code, self.device, ranks)

    def execute(self, ranks: Ranks = SINGLE_RANK) -> None:
        """Train in this process as one of the ranks; the first rank writes the outputs.

        Raises:
            ConfigError, DivergedError, KeyboardInterrupt: as in `daf.learn.train.train`.
        """
        report = print if ranks.is_first else lambda line: None
        with self.make_resume_file_context(ranks) as resume:
            result = train(
                self.run,
                self.device,
                self.initial_weights,
                report,
                resume,
                ranks,
                tensorboard=self.execution.tensorboard,
            )
        if ranks.is_first:
            metrics = result.metrics
            eval_scores = metrics.get("eval_score", ())
            if warning := describe_never_scored(self.run.name, metrics["score"], eval_scores):
                print(f"warning: {warning}")
            result.policy.save(self.output_paths["weights"], self.run.init_kwargs)
            save_table(self.output_paths["metrics"], metrics)
            checkpoints = CheckpointFolder(resume.checkpoints_folder, self.run)
            checkpoints.copy_reached_to_outputs(self.output_paths, result.run_json["steps"])
            write_json(self.output_paths["policy"], result.policy_json)
            write_json(self.output_paths["run"], result.run_json)

    def execute_distributed(self) -> None:
        """Train in `execution.ranks` processes on `execution.nodes` nodes.

        The end of one process ends all.

        Raises:
            ConfigError: missing GPUs or nodes.
            ValueError: failed rank, with the message of the first one.
            KeyboardInterrupt: stop request; the state is saved.
        """
        self._check_gpus_and_nodes_available()
        job_file = Path(self.output_paths["weights"]).parent / "task.json"
        remove_stale_temporaries(job_file)
        temporary_file = temporary_path(job_file)
        write_text(temporary_file, self.model_dump_json())
        try:
            self._run_torchrun(self._torchrun_command(temporary_file))
        finally:
            temporary_file.unlink(missing_ok=True)

    def _check_gpus_and_nodes_available(self) -> None:
        """Check that the job has the GPUs and nodes of its configuration."""
        ranks, nodes = self.execution.ranks, self.execution.nodes
        gpus = torch.cuda.device_count()
        if self.device == "cuda" and gpus < ranks // nodes:
            raise ConfigError(
                f"key 'execution.ranks': got {ranks} on {nodes} nodes, 1 GPU per rank; "
                f"expected at most {gpus} ranks per node, the number of GPUs"
            )
        slurm_nodes = int(os.environ.get("SLURM_JOB_NUM_NODES", "1"))
        if nodes > 1 and nodes != slurm_nodes:
            raise ConfigError(
                f"key 'execution.nodes': got {nodes}; expected {slurm_nodes}, "
                "the nodes of the Slurm job"
            )

    def _torchrun_command(self, job_file: Path) -> list[str]:
        nodes = self.execution.nodes
        ranks_per_node = self.execution.ranks // nodes
        torchrun = [sys.executable, "-P", "-m", "torch.distributed.run"]
        command = [*torchrun, f"--nproc-per-node={ranks_per_node}"]
        if nodes == 1:
            command += ["--standalone"]
        else:
            host = socket.gethostname()
            with socket.socket() as free:
                free.bind(("", 0))
                port = free.getsockname()[1]
            command += [f"--nnodes={nodes}", "--rdzv-backend=c10d"]
            command += [f"--rdzv-endpoint={host}:{port}", f"--rdzv-id={digest(str(job_file))[:8]}"]
            # The Slurm step of this process holds all resources of the job, so steps must overlap.
            srun = ["srun", "--overlap", f"--nodes={nodes}", "--ntasks-per-node=1"]
            command = [*srun, "--kill-on-bad-exit=1", *command]
        return [*command, "-m", "daf.learn.worker", str(job_file)]

    def _run_torchrun(self, torchrun_command: list[str]) -> None:
        """Run torchrun and print its output.

        Raises:
            ValueError: failed rank or missing output, with the message of the first rank.
            KeyboardInterrupt: stop request; the state is saved.
        """
        threads = max(1, self.threads * self.execution.nodes // self.execution.ranks)
        env_vars = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONSAFEPATH": "1"}
        env_vars["DAF_LAUNCHER"] = f"{socket.gethostname()} {os.getpid()}"
        errors = []
        process = subprocess.Popen(
            torchrun_command,
            env=env_vars,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # `_stop_torchrun` passes on signals of the terminal
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith(LOG_FAILURE):
                    errors.append(line.removeprefix(LOG_FAILURE).strip())
                else:
                    print(line, end="", flush=True)
            status = process.wait()
        except KeyboardInterrupt:
            self._stop_torchrun(process)
            raise KeyboardInterrupt("run the same command again to resume") from None
        required = self.output_paths.keys() - self.run.checkpoint_path_by_output_name("").keys()
        if status != 0 or not all(os.path.exists(self.output_paths[name]) for name in required):
            unknown = f"policy '{self.run.class_path}': a training process ended without a message"
            raise ValueError(errors[0] if errors else unknown)

    def _stop_torchrun(self, process: subprocess.Popen) -> None:
        """Let all ranks save and end; workers also end when torchrun is gone."""
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            print(process.communicate(timeout=SECONDS_TO_SAVE)[0], end="")
        process.kill()


def train_colocated_into_resume_states(jobs: Sequence[TrainingJob], device: str) -> None:
    """Train the runs of several jobs in this process and save their resume states.

    Each run's job resumes from its state: it writes the outputs, or raises the error of the run.

    Args:
        jobs: training jobs.
        device: "cpu" or "cuda", device of all runs.

    Raises:
        KeyboardInterrupt: stop request; the state of all runs is saved.
    """
    with contextlib.ExitStack() as stack:
        results = train_colocated(
            [job.run for job in jobs],
            device,
            [job.initial_weights for job in jobs],
            resume_states=[stack.enter_context(job.make_resume_file_context()) for job in jobs],
            tensorboard=jobs[0].execution.tensorboard if jobs else None,
        )
    for job, result in zip(jobs, results):
        if isinstance(result, Exception):
            reason = " ".join(f"{result}".split())
            print(
                f"{job.run.name}: removed from the co-located job ({reason}); trains in its own job"
            )
