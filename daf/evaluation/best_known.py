"""Search for the best known play of a mission, and its verification in the simulator."""

from collections.abc import Iterable

import torch

from daf.config import ConfigError
from daf.evaluation.known_play import KnownPlay, find_stored_play, make_play_from_episode
from daf.evaluation.replay import Replay
from daf.missions import Mission
from daf.sim.simulation import Simulation


def simulate_score(play: KnownPlay) -> int:
    """Execute the actions of a play in the simulator and return the score."""
    simulation = Simulation(play.mission, 1)
    simulation.reset(world_seeds=torch.tensor([play.world_seed]))
    for actions in torch.from_numpy(play.action_array()):
        simulation.step(actions[None])
    return int(simulation.score())


def find_best_play(mission: Mission, replays: Iterable[Replay]) -> KnownPlay:
    """Find the best play among the recorded episodes and the one that DAF ships.

    Among equal scores, the shipped play comes first, then the recorded ones in their order.

    Args:
        mission: mission of the play.
        replays: recorded episodes of this mission.

    Raises:
        ConfigError: no episode is recorded, or the actions of the best one give another score.
    """
    candidates = [play] if (play := find_stored_play(mission)) else []
    for replay in replays:
        if replay.mission != mission:
            raise ConfigError(f"replay of '{replay.policy}': records another mission")
        episodes = sorted(replay.episodes, key=lambda episode: -episode.score)
        candidates += [make_play_from_episode(replay, episode) for episode in episodes[:1]]
    if not candidates:
        raise ConfigError(
            f"mission {mission.name}: no recorded episode; "
            "key 'evaluation.recorded_episodes': expected at least 1"
        )
    best = max(candidates, key=lambda play: play.score)
    if (score := simulate_score(best)) != best.score:
        raise ConfigError(
            f"mission {mission.name}: the best known play, by '{best.found_by}', claims "
            f"{best.score} hearts; its actions make {score}"
        )
    return best
