"""Missions as text: a picture of the map and what stands on it."""

from daf.missions.ceiling import score_bound
from daf.missions.mission import AGENT, FLOOR, WALL, Mission

COLOURS = {WALL: "90", FLOOR: "90", AGENT: "1;36"}
STATION_COLOUR = "1;33"


def ascii_map(mission: Mission, colour: bool = False) -> str:
    """Name, description, facts, map and legend of a mission, several lines.

    Args:
        mission: what to show.
        colour: use ANSI colours.
    """

    def colored(symbol: str) -> str:
        code = COLOURS.get(mission.legend[symbol], STATION_COLOUR)
        return f"\x1b[{code}m{symbol}\x1b[0m" if colour else symbol

    used = sorted({symbol for row in mission.map for symbol in row})
    legend = [f"{colored(s)} {mission.legend[s]}" for s in used if mission.legend[s] != FLOOR]
    bound = score_bound(mission)
    ceiling = "no ceiling" if mission.ceiling is None else f"ceiling {mission.ceiling:g} hearts"
    if mission.ceiling == bound.hearts:
        ceiling += f" ({', '.join(bound.binding_limits)})"
    facts = f"{mission.num_agents} agents, {mission.max_steps} steps, {ceiling}"
    if mission.layout is not None:
        facts += f", layouts of the seeds {mission.layout.seed}, of which this is the first"
    rows = ["  " + "".join(map(colored, row)) for row in mission.map]
    return "\n".join([f"{mission.name}: {mission.description}", facts, *rows, "  ".join(legend)])
