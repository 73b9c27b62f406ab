"""Map of a mission for the terminal."""

from daf.missions.ceiling import compute_score_bound
from daf.missions.mission import AGENT, FLOOR, WALL, Mission

COLORS = {WALL: "90", FLOOR: "90", AGENT: "1;36"}
STATION_COLOR = "1;33"


def format_mission_facts_and_map(mission: Mission, use_color: bool = False) -> str:
    """Return name, description, facts, map and legend of a mission as several lines of text.

    Args:
        mission: mission to show.
        use_color: use of ANSI colors.
    """

    def colored(symbol: str) -> str:
        code = COLORS.get(mission.legend[symbol], STATION_COLOR)
        return f"\x1b[{code}m{symbol}\x1b[0m" if use_color else symbol

    used = sorted({symbol for row in mission.map for symbol in row})
    legend = [f"{colored(s)} {mission.legend[s]}" for s in used if mission.legend[s] != FLOOR]
    bound = compute_score_bound(mission)
    ceiling = "no ceiling" if mission.ceiling is None else f"ceiling {mission.ceiling:g} hearts"
    if mission.ceiling == bound.hearts:
        ceiling += f" ({', '.join(bound.binding_limits)})"
    facts = f"{mission.num_agents} agents, {mission.max_steps} steps, {ceiling}"
    if mission.layout is not None:
        facts += f", layout seeds {mission.layout.seed} (the map shows the first)"
    rows = ["  " + "".join(map(colored, row)) for row in mission.map]
    return "\n".join([f"{mission.name}: {mission.description}", facts, *rows, "  ".join(legend)])
