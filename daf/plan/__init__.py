"""The plan: which trainings, players and evaluations follow from a configuration."""

from daf.plan.make import make_plan
from daf.plan.players import Player, Team, player_of
from daf.plan.records import Plan, Run

__all__ = ["Plan", "Player", "Run", "Team", "make_plan", "player_of"]
