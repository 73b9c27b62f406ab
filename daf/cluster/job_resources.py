"""Resources of training and evaluation jobs: memory and time, estimated from the configuration.

Estimates are generous. Python, torch and the kernels take about 500 MB. Memory beyond that is about
2 times the measured one, and speeds are 10 % of those in docs/measurements/speed.md. A job that
exceeds its resources is submitted again with a multiple, and a run resumes from its last state.
"""

import math
from collections.abc import Collection, Sequence

from daf.config import EvaluationConfig
from daf.missions import Mission
from daf.plan.run import Run

BASE_MB = 1000
CUDA_MB = 2000  # host memory of the CUDA libraries, not measured
REPLAY_MB = 500  # a replay file has up to 20 million numbers
OBSERVATION_BYTES = 600  # 200 tokens of 3 bytes
CELL_BYTES = 32  # per cell of a world's map
LAYOUT_BYTES = 600  # visibility tables, per cell of a layout
ACTIVATIONS_PER_UNIT = 16  # float32 numbers per unit of a layer's width, forward and backward
DEFAULT_WIDTH = 128  # width of a network without `hidden_size`

START_MINUTES = 10
TRAINING_SPEED, EVALUATION_SPEED = 5000, 2000
"""Agent-steps per second."""


def estimate_run_host_memory_mb(run: Run, num_gpus: int) -> int:
    """Return the host memory of a run in MB: rollout, activations of one minibatch, worlds."""
    config = run.training
    rows = config.worlds * max(mission.num_agents for mission in run.missions)
    steps = rows * config.rollout_length
    width = run.init_kwargs.get("hidden_size")
    width = width if isinstance(width, int) else DEFAULT_WIDTH
    size = steps * OBSERVATION_BYTES
    if config.critic == "team":
        width += 2 * DEFAULT_WIDTH  # its first layer receives features of the agent and the team
    size += steps / config.minibatches * width * ACTIVATIONS_PER_UNIT * 4
    size += config.worlds * max(map(_num_cells, run.missions)) * CELL_BYTES
    size += sum(map(_total_layout_table_bytes, run.missions))
    return _round_up_to_100(_base_memory_mb(num_gpus) + size / 1e6)


def estimate_run_minutes(run: Run) -> int:
    """Return the time of a run in minutes."""
    return _job_minutes(run.training.steps, TRAINING_SPEED)


def estimate_colocated_host_memory_mb(runs: Collection[Run], num_gpus: int) -> int:
    """Return the host memory of co-located runs in MB."""
    return sum(estimate_run_host_memory_mb(run, num_gpus) for run in runs) - (
        len(runs) - 1
    ) * _base_memory_mb(num_gpus)


def estimate_colocated_minutes(runs: Collection[Run], threads: int) -> int:
    """Return the time of co-located runs in minutes.

    Args:
        runs: runs of one process.
        threads: CPU threads, each of which updates one run at a time; 1 on a GPU, where a gain by
            concurrent runs is not assumed.
    """
    steps = [run.training.steps for run in runs]
    return _job_minutes(max(max(steps), math.ceil(sum(steps) / threads)), TRAINING_SPEED)


def estimate_evaluation_host_memory_mb(
    missions: Sequence[Mission], config: EvaluationConfig, num_gpus: int
) -> int:
    """Return the host memory of an evaluation in MB: all worlds of one mission, and its replay."""
    world_bytes = [
        mission.num_agents * (OBSERVATION_BYTES + DEFAULT_WIDTH * ACTIVATIONS_PER_UNIT * 4)
        + _num_cells(mission) * CELL_BYTES
        for mission in missions
    ]
    replay = REPLAY_MB if config.recorded_episodes else 0
    size = config.episodes * max(world_bytes) + max(map(_total_layout_table_bytes, missions))
    return _round_up_to_100(_base_memory_mb(num_gpus) + replay + size / 1e6)


def estimate_evaluation_minutes(
    missions: Sequence[Mission], config: EvaluationConfig, num_policies: int = 1
) -> int:
    """Return the time of evaluations in minutes; missions and policies run sequentially."""
    steps = num_policies * sum(mission.num_agents * mission.max_steps for mission in missions)
    return _job_minutes(config.episodes * steps, EVALUATION_SPEED)


def _base_memory_mb(num_gpus: int) -> int:
    return BASE_MB + (CUDA_MB if num_gpus else 0)


def _num_cells(mission: Mission) -> int:
    return len(mission.map) * len(mission.map[0])


def _total_layout_table_bytes(mission: Mission) -> int:
    """Return the bytes of the tables of all layouts; 0 for a mission with a single map."""
    count = 0 if mission.layout is None else len(mission.layout.seeds)
    return count * _num_cells(mission) * LAYOUT_BYTES


def _round_up_to_100(mb: float) -> int:
    return 100 * math.ceil(mb / 100)


def _job_minutes(agent_steps: int, agent_steps_per_second: int) -> int:
    return START_MINUTES + math.ceil(agent_steps / agent_steps_per_second / 60)
