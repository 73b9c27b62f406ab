"""Configuration of the execution: folders, devices and processes of the jobs."""

import os
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from daf.config.model import Float, Int, Model
from daf.config.paths import FilePath

Seed = Annotated[Int, Field(ge=0, lt=2**31)]
"""Seed of a random stream, 31 bits."""


class ExecutionConfig(Model):
    """Execution settings that the Snakemake workflow reads."""

    results_dir: FilePath = Field(
        default="results", min_length=1, description="folder of all results"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="device of the jobs; auto: a GPU, if the machine has one"
    )
    gpu_memory_fraction: Float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="share of a GPU's memory that all jobs on this GPU may use together",
    )
    jobs_per_gpu: Int = Field(
        default=1,
        ge=1,
        le=100,
        description="number of concurrent jobs per GPU of this machine, with equal memory limits",
    )
    save_seconds: Float = Field(
        default=60.0, ge=0, description="seconds between two resume states of a run"
    )
    ranks: Int = Field(
        default=1,
        ge=1,
        le=4096,
        description="number of ranks (processes) of one run; on GPUs, each rank has its own GPU",
    )
    nodes: Int = Field(
        default=1, ge=1, le=1024, description="number of nodes (machines) that share the ranks"
    )
    runs_per_job: Int = Field(
        default=1,
        ge=1,
        le=1000,
        description="number of co-located runs, which one process trains on one device",
    )
    policies_per_job: Int = Field(
        default=1,
        ge=1,
        le=1000,
        description="number of policy instances that one job evaluates",
    )

    tensorboard: FilePath | None = Field(
        default=None,
        min_length=1,
        description="folder of TensorBoard event files, written while training; null: none",
    )

    @model_validator(mode="after")
    def _check_ranks_divisible_by_nodes(self) -> Self:
        if self.ranks % self.nodes:
            raise ValueError(
                f"ranks: got {self.ranks}; expected a multiple of nodes, which is {self.nodes}"
            )
        return self

    @model_validator(mode="after")
    def _check_ranks_or_colocated_runs(self) -> Self:
        if self.ranks > 1 and self.runs_per_job > 1:
            raise ValueError(
                f"runs_per_job: got {self.runs_per_job} with ranks: {self.ranks}; "
                "expected 1 for at least one of the two"
            )
        return self

    @property
    def gpu_memory_fraction_per_job(self) -> float:
        """Fraction of the memory of a GPU that one job may use."""
        return self.gpu_memory_fraction / self.jobs_per_gpu

    @field_validator("results_dir")
    @classmethod
    def _check_results_dir(cls, path: str) -> str:
        # Snakemake reads these characters as wildcards, separators or an escape.
        if any(character in path for character in "{}*?\\\n\r\t"):
            raise ValueError("expected a path without { } * ? \\ and line breaks")
        if os.path.normpath(path).startswith("-"):
            raise ValueError("expected a path that does not start with '-'; write the whole path")
        return path.rstrip("/") or "/"


class DAFConfig(ExecutionConfig):
    """Execution settings of the pipelines of `daf.orchestrators`."""

    max_parallel_jobs: Int | None = Field(
        default=None,
        ge=1,
        description="maximum number of concurrent jobs; null: the number of CPU cores",
    )
    training_seeds: tuple[Seed, ...] | None = Field(
        default=None,
        min_length=1,
        description="training seeds; null: seed 1 for a training pipeline or a sweep, seeds 1 to 5 "
        "for a benchmark",
    )
    world_seed: Seed = Field(default=0, description="seed of the evaluation worlds")
    profile: FilePath = Field(
        default="local",
        min_length=1,
        description="Snakemake profile: local, slurm, kubernetes or a folder",
    )
