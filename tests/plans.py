"""A small plan for tests."""

from daf.config import BenchmarkConfig
from daf.plan import Plan, make_plan

MISSION = "assembler_1"


def plan(**changes) -> Plan:
    """Return the plan of a small configuration with changed keys."""
    data = {
        "policies": ["stateless", "random"],
        "missions": [MISSION],
        "training_seeds": [1, 2],
    }
    return make_plan(BenchmarkConfig.parse(data | changes, "test"))
