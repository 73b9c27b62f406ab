"""Plan: the runs, contestants and evaluations of a configuration."""

from daf.plan.build import make_plan
from daf.plan.contestants import PolicyInstance, Team, parse_contestant
from daf.plan.plan import Plan
from daf.plan.run import Run

__all__ = ["Plan", "PolicyInstance", "Run", "Team", "make_plan", "parse_contestant"]
