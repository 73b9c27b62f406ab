"""Handwritten replay with descriptions of its events."""

import copy

import numpy as np

from daf.evaluation.replay import Episode, Replay, RunLengths, States, count_columns_by_state_field
from daf.missions import RESOURCES, Mission, load_mission
from daf.report.episode_player import EpisodeView

NOOP, MOVE, GLYPH = 0, 1, 2
NORTH, SOUTH, WEST, EAST = range(4)
MAP = ("#######", "#@.&=.#", "#..+@g#", "#######")
WIDTH = len(MAP[0])
ASSEMBLER, CHEST, CHARGER, GERMANIUM = range(4)  # stations in reading order

# Changes of each step, as (field, column, new value), and the announcement of the viewer.
SCRIPT = [
    # The agents walk; the second bumps into the wall below.
    ([("cell", 0, WIDTH + 2), ("verb", 0, MOVE), ("argument", 0, EAST), ("orientation", 0, EAST),
      ("verb", 1, MOVE), ("argument", 1, SOUTH), ("orientation", 1, SOUTH), ("success", 1, 0)],
     "Agent 0 moves east. Agent 1 cannot move south: wall."),
    ([("heart", 0, 1), ("uses", ASSEMBLER, 1), ("cooldown_end", ASSEMBLER, 5),
      ("argument", 1, WEST), ("energy", 1, 53), ("success", 1, 1), ("uses", CHARGER, 1)],
     "Agent 0 assembles 1 heart at the assembler. Agent 1 recharges to 53 energy at the charger."),
    ([("success", 0, 0), ("argument", 1, EAST), ("germanium", 1, 2), ("uses", GERMANIUM, 1)],
     "Agent 0 cannot use the assembler: cooling down. "
     "Agent 1 gets 2 germanium at the germanium ex dep."),
    ([("verb", 0, NOOP), ("argument", 0, 0), ("success", 0, 1), ("success", 1, 0)],
     "Agent 0 waits. Agent 1 cannot use the germanium ex dep: used up."),
    ([("verb", 0, GLYPH), ("argument", 0, 7), ("glyph", 0, 7), ("repair", CHARGER, 0),
      ("verb", 1, 3), ("argument", 1, 999)],
     "Agent 0 shows glyph 7. Agent 1 tries an invalid action."),
    ([("verb", 0, NOOP), ("argument", 0, 0), ("decoder", 1, 1),
      ("verb", 1, MOVE), ("argument", 1, WEST)],
     "Agent 0 waits. Agent 1 cannot use the charger: clipped."),
    ([("repair", CHARGER, -1), ("success", 1, 1), ("decoder", 1, 0)],
     "Agent 0 waits. Agent 1 repairs the charger."),
    ([("heart", 1, 1), ("verb", 1, NOOP), ("argument", 1, 0)],
     "Agent 0 waits. Agent 1 waits."),
    ([("verb", 1, MOVE), ("argument", 1, NORTH), ("heart", 1, 0), ("stock", CHEST, 1),
      ("score", 0, 1), ("energy", 0, 1)],
     "Agent 0 waits. Agent 1 deposits 1 heart in the chest."),
    ([("verb", 0, MOVE), ("argument", 0, SOUTH), ("success", 0, 0), ("verb", 1, NOOP),
      ("argument", 1, 0)],
     "Agent 0 has too little energy to move south. Agent 1 waits."),
]  # fmt: skip


def mission() -> Mission:
    return load_mission("training_facility_1").model_copy(
        update={"name": "by_hand", "map": MAP, "max_steps": len(SCRIPT)}
    )


def scripted(policy: str = "by hand", run: str = "run") -> Replay:
    """Return the replay of SCRIPT: 2 agents, 10 steps, 1 heart."""
    replay_mission = mission()
    state = {
        name: np.zeros(number, dtype=np.int64)
        for name, number in count_columns_by_state_field(replay_mission).items()
    }
    state["cell"][:] = WIDTH + 1, 2 * WIDTH + 4
    state["inventory"][[0, len(RESOURCES)]] = 100, 40
    state["success"][:] = 1
    state["repair"][:] = -1
    states = [copy.deepcopy(state)]
    for changes, _ in SCRIPT:
        for field, column, value in changes:
            if field in RESOURCES:
                column = column * len(RESOURCES) + RESOURCES.index(field)
                field = "inventory"
            state[field][column] = value
        states.append(copy.deepcopy(state))
    rows = {name: np.stack([state[name] for state in states]) for name in state}
    episode = Episode(
        episode=0,
        world_seed=2**63 - 1,
        score=1,
        steps=len(SCRIPT),
        states=States(**{name: RunLengths.encode(rows[name]) for name in rows}),
    )
    return Replay(
        policy=policy, run=run, mission=replay_mission, resources=RESOURCES, episodes=(episode,)
    )


def recorded(policy: str = "by hand", run: str = "run") -> EpisodeView:
    file = f"evaluations/{run}-e1-w0/by_hand.replay.json"
    return EpisodeView.from_first_episode(scripted(policy, run), policy, file)
