"""Jobs about one policy: training, evaluation, deployment."""

from daf.audit.jobs.base import Job, code_of, code_of_contestant
from daf.config import EvaluationConfig
from daf.config.execution import Seed
from daf.config.model import Float
from daf.missions import Mission
from daf.plan import PolicyInstance, Run, Team
from daf.plan.plan import eval_tag


class Train(Job):
    """Of rule train."""

    rounded = True
    run: Run
    code: str

    def outputs(self, folder):
        files = {"weights": "policy.safetensors", "policy": "policy.json"}
        files |= {"metrics": "metrics.parquet", "run": "run.json"}
        return {name: f"runs/{self.run.name}/{file}" for name, file in files.items()}

    def classes(self):
        return code_of(self.run, self.run.class_digest)


class Evaluate(Job):
    """Of rule evaluate."""

    rounded = True
    policy: PolicyInstance | Team
    mission: Mission
    trained_on: tuple[Mission, ...]
    evaluation: EvaluationConfig
    code: str

    def outputs(self, folder):
        stem = f"evaluations/{self.policy.name}-{eval_tag(self.evaluation)}/{self.mission.name}"
        return {"episodes": f"{stem}.parquet", "replay": f"{stem}.replay.json"}

    def classes(self):
        return code_of_contestant(self.policy)

    def learned_on(self) -> list[Mission]:
        """What the players were trained on."""
        members = self.policy.members if isinstance(self.policy, Team) else ()
        told = [mission for member in members for mission in member.trained_on]
        return [*self.trained_on, *told]


class Deploy(Job):
    """Of rule deploy."""

    computed = True
    rounded = True
    policy: PolicyInstance
    trained_on: tuple[Mission, ...]
    missions: tuple[Mission, ...]
    seed: Seed
    confidence: Float
    code: str

    def outputs(self, folder):
        return {"package": f"deployments/{self.policy.name}.zip"}

    def classes(self):
        return code_of_contestant(self.policy)
