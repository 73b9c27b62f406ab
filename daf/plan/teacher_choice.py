"""Choice of the teacher of a run with `teacher: auto`."""

from collections.abc import Iterable

from daf.config import TrainingConfig
from daf.missions import Assembler, Mission
from daf.missions.formations import recipe_index_by_neighbor_mask


def resolve_auto_teacher(training: TrainingConfig, missions: Iterable[Mission]) -> TrainingConfig:
    """Replace `teacher: auto` by the teacher of a run, with the settings of its imitation.

    A run imitates `baseline` if the hearts of a training mission need gathered resources, since
    PPO from random weights hardly finds a first heart there. The imitation is behavior cloning
    (Pomerleau 1991), and episodes end at the ceiling: later labels of the teacher are random moves.
    Runs with shaping, a curriculum or initial weights have no teacher. Shaping by 0 is no shaping.

    Args:
        training: hyperparameters of the run.
        missions: training missions of the run.
    """
    if training.teacher != "auto":
        return training
    has_other_help = (
        any(training.shaping.values()) or training.curriculum or training.initial_weights
    )
    if has_other_help or not any(map(_hearts_need_gathered_resources, missions)):
        return training.model_copy(update={"teacher": None})
    return training.model_copy(
        update={
            "teacher": "baseline",
            "teacher_steps": training.lr_decay_steps or training.steps,
            "final_teacher_share": 1.0,
            "end_at_ceiling": True,
        }
    )


def _hearts_need_gathered_resources(mission: Mission) -> bool:
    """Return True if every heart recipe that the agents can use needs more than energy."""
    recipes = [
        station.recipes[index]
        for name, station in mission.stations.items()
        if isinstance(station, Assembler) and mission.find_cells_with(name)
        for neighbor_mask, index in enumerate(recipe_index_by_neighbor_mask(station))
        if index is not None and neighbor_mask.bit_count() <= mission.num_agents
    ]
    inputs_of_hearts = [recipe.inputs for recipe in recipes if "heart" in recipe.outputs]
    return bool(inputs_of_hearts) and all(
        any(amount for name, amount in inputs.items() if name != "energy")
        for inputs in inputs_of_hearts
    )
