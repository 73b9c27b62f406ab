"""The plan: which trainings, players and evaluations follow from a configuration."""

from daf.plan.make import make_plan
from daf.plan.records import Plan, Player, Run

__all__ = ["Plan", "Player", "Run", "make_plan"]
