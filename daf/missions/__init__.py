"""Missions: YAML files in, immutable `Mission` objects out."""

from daf.missions.loader import build_mission, built_in_missions, load_mission
from daf.missions.mission import Mission, check_same_spaces
from daf.missions.stations import POSITIONS, RESOURCES, Assembler, Chest, Recipe, Resource

__all__ = [
    "POSITIONS",
    "RESOURCES",
    "Assembler",
    "Chest",
    "Mission",
    "Recipe",
    "Resource",
    "build_mission",
    "built_in_missions",
    "check_same_spaces",
    "load_mission",
]
