"""A training as a job of the workflow: in its own process, or in several that torchrun starts."""

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
from daf.files.safe_write import remove_leftovers, temporary_name
from daf.files.text_files import write_json, write_text
from daf.jobs.log import LOG_FAILURE
from daf.learn.colocated import train_colocated
from daf.learn.ranks import SINGLE_RANK, Ranks
from daf.learn.resume import ResumeState, open_resume_state
from daf.learn.train import train
from daf.plan import Run
from daf.provenance.hashing import digest

SECONDS_TO_SAVE = 60.0
"""How long processes that were asked to stop may take to finish an update and save."""


class TrainingJob(Model):
    """All that a process has to know of a training.

    Attributes:
        device: "cpu" or "cuda".
        initial_weights: the file with the run's `initial_digest`, if it has one.
        code: hash of the code that trains.
        threads: of each machine.
        paths: where to write the outputs to, by the rule's names for them.
    """

    run: Run
    device: str
    initial_weights: str | None
    code: str
    execution: ExecutionConfig
    threads: Int
    paths: dict[str, str]

    def resume(self, ranks: Ranks = SINGLE_RANK) -> ResumeState:
        """Where its state is kept."""
        return open_resume_state(self.run, self.execution, self.code, self.device, ranks)

    def execute(self, ranks: Ranks = SINGLE_RANK) -> None:
        """Train, in this process as one of the ranks, and write the outputs if it is the first.

        Raises:
            as `daf.learn.train.train`.
        """
        report = print if ranks.first else lambda line: None
        with self.resume(ranks) as resume:
            trained = train(
                self.run, self.device, self.initial_weights, report, resume=resume, ranks=ranks
            )
        if ranks.first:
            trained.policy.save(self.paths["weights"], self.run.init_kwargs)
            save_table(self.paths["metrics"], trained.metrics)
            write_json(self.paths["policy"], trained.policy_json)
            write_json(self.paths["run"], trained.run_json)

    def execute_distributed(self) -> None:
        """Train in `execution.ranks` processes on `execution.nodes` machines.

        If one of them ends, however it ends, all do.

        Raises:
            ConfigError: there are not as many GPUs or machines.
            ValueError: it failed, with the reason that the first to fail gave.
            KeyboardInterrupt: all were asked to stop; the state is saved.
        """
        self._check_machine()
        place = Path(self.paths["weights"]).parent / "task.json"
        remove_leftovers(place)
        file = temporary_name(place)
        write_text(file, self.model_dump_json())
        try:
            self._run(self._command(file))
        finally:
            file.unlink(missing_ok=True)

    def _check_machine(self) -> None:
        execution, there = self.execution, torch.cuda.device_count()
        each = execution.ranks // execution.nodes
        if self.device == "cuda" and there < each:
            raise ConfigError(
                f"key 'execution.ranks': got {execution.ranks} on {execution.nodes} nodes, "
                f"each a GPU of its own; the job was given {there} here"
            )
        given = int(os.environ.get("SLURM_JOB_NUM_NODES", "1"))
        if execution.nodes != given and execution.nodes > 1:
            raise ConfigError(
                f"key 'execution.nodes': got {execution.nodes}; the job was given {given} by Slurm"
            )

    def _command(self, file: Path) -> list[str]:
        nodes = self.execution.nodes
        each = self.execution.ranks // nodes
        launcher = [sys.executable, "-P", "-m", "torch.distributed.run"]
        command = [*launcher, f"--nproc-per-node={each}"]
        if nodes == 1:
            command += ["--standalone"]
        else:
            host = socket.gethostname()
            with socket.socket() as free:
                free.bind(("", 0))
                port = free.getsockname()[1]
            command += [f"--nnodes={nodes}", "--rdzv-backend=c10d"]
            command += [f"--rdzv-endpoint={host}:{port}", f"--rdzv-id={digest(str(file))[:8]}"]
            # The step that this process is in holds all that the job was given: hence overlap.
            srun = ["srun", "--overlap", f"--nodes={nodes}", "--ntasks-per-node=1"]
            command = [*srun, "--kill-on-bad-exit=1", *command]
        return [*command, "-m", "daf.learn.worker", str(file)]

    def _run(self, command: list[str]) -> None:
        threads = max(1, self.threads * self.execution.nodes // self.execution.ranks)
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONSAFEPATH": "1"}
        environment["DAF_LAUNCHER"] = f"{socket.gethostname()} {os.getpid()}"
        reasons = []
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # it is told once, by us
        )
        try:
            for line in process.stdout:
                if line.startswith(LOG_FAILURE):
                    reasons.append(line.removeprefix(LOG_FAILURE).strip())
                else:
                    print(line, end="", flush=True)
            status = process.wait()
        except KeyboardInterrupt:
            self._stop(process)
            raise KeyboardInterrupt("the same call goes on from the state saved last") from None
        if status != 0 or not all(map(os.path.exists, self.paths.values())):
            told = f"policy '{self.run.class_path}': a process of its training ended without "
            raise ValueError(reasons[0] if reasons else f"{told}giving a reason")

    def _stop(self, process: subprocess.Popen) -> None:
        """Let all ranks save and end; the workers notice it if torchrun itself is gone."""
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            print(process.communicate(timeout=SECONDS_TO_SAVE)[0], end="")
        process.kill()


def train_colocated_jobs(trainings: Sequence[TrainingJob], device: str) -> None:
    """Train a population in this process, on the device of all, and leave each member in its saved
    state, from which its own job goes on: to its outputs, or to what ended it here.

    Raises:
        KeyboardInterrupt: it was asked to stop; the state of all is saved.
    """
    with contextlib.ExitStack() as stack:
        found = train_colocated(
            [training.run for training in trainings],
            device,
            [training.initial_weights for training in trainings],
            resumes=[stack.enter_context(training.resume()) for training in trainings],
        )
    for training, trained in zip(trainings, found):
        if isinstance(trained, Exception):
            reason = " ".join(f"{trained}".split())
            print(f"{training.run.name} is left to its own job: {reason}")
