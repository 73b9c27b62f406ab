"""Where and on what the work runs; nothing here changes a number in the results."""

import os
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from daf.config.model import Float, Int, Model
from daf.config.paths import FilePath

Seed = Annotated[Int, Field(ge=0, lt=2**31)]
"""Of a random stream; 31 bits."""


class ExecutionConfig(Model):
    """The part of the execution that the workflow itself must know."""

    results_dir: FilePath = Field(
        default="results", min_length=1, description="folder of all results"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="auto: a GPU where there is one"
    )
    gpu_memory_fraction: Float = Field(
        default=1.0, gt=0, le=1, description="of a GPU's memory that all jobs on it may use"
    )
    jobs_per_gpu: Int = Field(
        default=1, ge=1, le=100, description="jobs that share a GPU of this machine, evenly"
    )
    save_seconds: Float = Field(
        default=60.0, ge=0, description="between two saved states of a training that can be resumed"
    )
    ranks: Int = Field(
        default=1, ge=1, le=4096, description="processes that share one training, a GPU each"
    )
    nodes: Int = Field(default=1, ge=1, le=1024, description="machines that these are spread over")
    runs_per_job: Int = Field(
        default=1, ge=1, le=1000, description="trainings that share a job, and its device"
    )
    policies_per_job: Int = Field(
        default=1, ge=1, le=1000, description="players whose evaluations share a job"
    )

    @model_validator(mode="after")
    def _ranks_on_all_nodes(self):
        if self.ranks % self.nodes:
            raise ValueError(
                f"ranks: got {self.ranks}; a multiple of nodes, which is {self.nodes}, is needed"
            )
        return self

    @model_validator(mode="after")
    def _ranks_or_colocated_runs(self):
        if self.ranks > 1 and self.runs_per_job > 1:
            raise ValueError(
                f"runs_per_job: got {self.runs_per_job}, with ranks: {self.ranks}; a training shares "
                "its processes or its job with others, not both: one of them has to be 1"
            )
        return self

    @property
    def gpu_memory_per_job(self) -> float:
        """The part of a GPU's memory that one job may use."""
        return self.gpu_memory_fraction / self.jobs_per_gpu

    @field_validator("results_dir")
    @classmethod
    def _plain_path(cls, path: str) -> str:
        # Snakemake would read these as wildcards, as separators or as an escape.
        if any(character in path for character in "{}*?\\\n\r\t"):
            raise ValueError("should be a path without { } * ? \\ and line breaks")
        if os.path.normpath(path).startswith("-"):
            raise ValueError("begins as an option does; write the whole path")
        return path.rstrip("/") or "/"


class DAFConfig(ExecutionConfig):
    """How the pipelines of `daf.orchestrators` run."""

    max_parallel_jobs: Int | None = Field(
        default=None, ge=1, description="jobs at the same time; None: one for each core"
    )
    training_seeds: tuple[Seed, ...] | None = Field(
        default=None,
        min_length=1,
        description="None: 1 for a training or a trial, 1 to 5 for a benchmark",
    )
    world_seed: Seed = Field(default=0, description="of the worlds that policies are evaluated in")
    profile: FilePath = Field(
        default="local", min_length=1, description="of Snakemake: local, another of ours, a folder"
    )
