"""Jobs of one policy: training, evaluation, deployment."""

from collections.abc import Mapping

from daf.audit.jobs.base import (
    PathsFromParametersJob,
    collect_class_digests,
    map_class_path_to_digest,
)
from daf.config import EvaluationConfig
from daf.config.execution import Seed
from daf.config.model import Float
from daf.missions import Mission
from daf.plan import PolicyInstance, Run, Team
from daf.plan.plan import evaluation_suffix


class TrainJob(PathsFromParametersJob):
    """Parameters of rule `train`."""

    device_dependent = True
    run: Run
    code: str

    def path_from_parameters_by_output_name(self) -> dict[str, str]:
        """Return the path of each output by output name."""
        files = {"weights": "policy.safetensors", "policy": "policy.json"}
        files |= {"metrics": "metrics.parquet", "run": "run.json"}
        folder = f"runs/{self.run.name}"
        paths = {name: f"{folder}/{file}" for name, file in files.items()}
        return paths | self.run.checkpoint_path_by_output_name(folder)

    def optional_output_names(self) -> set[str]:
        """Return the names of the checkpoints, if the run may stop before them."""
        return (
            set(self.run.checkpoint_path_by_output_name(""))
            if self.run.training.stop_when
            else set()
        )

    def recorded_digest_by_class_path(self) -> Mapping[str, str | None]:
        """Return the class digests of the policies."""
        return map_class_path_to_digest(self.run, self.run.class_digest)


class EvaluateJob(PathsFromParametersJob):
    """Parameters of rule `evaluate`."""

    device_dependent = True
    policy: PolicyInstance | Team
    mission: Mission
    trained_on: tuple[Mission, ...]
    evaluation: EvaluationConfig
    code: str

    def path_from_parameters_by_output_name(self) -> dict[str, str]:
        """Return the path of each output by output name."""
        folder = f"evaluations/{self.policy.name}-{evaluation_suffix(self.evaluation)}"
        stem = f"{folder}/{self.mission.name}"
        return {"episodes": f"{stem}.parquet", "replay": f"{stem}.replay.json"}

    def recorded_digest_by_class_path(self) -> Mapping[str, str | None]:
        """Return the class digests of the policies."""
        return collect_class_digests(self.policy)

    def training_missions(self) -> list[Mission]:
        """Return the training missions of the policy, or of all members of the team."""
        members = self.policy.members if isinstance(self.policy, Team) else ()
        of_members = [mission for member in members for mission in member.trained_on]
        return [*self.trained_on, *of_members]


class DeployJob(PathsFromParametersJob):
    """Parameters of rule `deploy`."""

    recomputable = True
    device_dependent = True
    policy: PolicyInstance
    trained_on: tuple[Mission, ...]
    missions: tuple[Mission, ...]
    seed: Seed
    confidence: Float
    code: str

    def path_from_parameters_by_output_name(self) -> dict[str, str]:
        """Return the path of each output by output name."""
        return {"package": f"deployments/{self.policy.name}.zip"}

    def recorded_digest_by_class_path(self) -> Mapping[str, str | None]:
        """Return the class digests of the policies."""
        return collect_class_digests(self.policy)
