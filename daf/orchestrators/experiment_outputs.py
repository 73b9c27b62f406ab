"""Are the weights that the workflow made still what it wrote?"""

from pathlib import Path

from daf.plan import Plan
from daf.provenance.hashing import file_digest
from daf.provenance.sidecar import SUFFIX, Sidecar


def weights_problem(plan: Plan, run: str) -> str | None:
    """What is wrong with the weights of a training; None if they are what was written."""
    weights = plan.weights_file(run)
    if not Path(weights).is_file():
        return f"{weights} is gone"
    recorded = Sidecar.read(f"{weights}{SUFFIX}").output_files()
    written = recorded.get(f"runs/{run}/policy.safetensors")
    return None if file_digest(weights) == written else f"{weights} is not what was written"
