"""Run: one training run of a plan."""

from typing import Any

from daf.config import Model, TrainingConfig
from daf.missions import Mission
from daf.plan.contestants import list_class_module_if_daf
from daf.plan.names import class_label
from daf.provenance.hashing import digest


def checkpoint_output_name(steps: int) -> str:
    """Return the output name of the checkpoint after this number of agent-steps."""
    return f"checkpoint_{steps}"


class Run(Model):
    """One training run: everything that decides its weights, except the code.

    Attributes:
        name: unique name, see `name_from_content`.
        policy: label of the policy's class.
        class_path: class path of the policy.
        class_digest: hash of a foreign policy's code; None for a policy of DAF.
        init_kwargs: arguments of the policy's class.
        training: hyperparameters.
        initial_digest: hash of the initial weights; None for weights drawn from the seed.
        training_seed: seed of weights, worlds, actions and minibatches.
        missions: training missions.
    """

    name: str
    policy: str
    class_path: str
    class_digest: str | None
    init_kwargs: dict[str, Any]
    training: TrainingConfig
    initial_digest: str | None
    training_seed: int
    missions: tuple[Mission, ...]

    def resolved(self) -> dict[str, Any]:
        """Return all values as plain data; the missions are shared and must not be changed."""
        missions = [mission.resolved() for mission in self.missions]
        return self.model_dump(mode="json", exclude={"missions"}) | {"missions": missions}

    def checkpoint_path_by_output_name(self, run_folder: str) -> dict[str, str]:
        """Return the path of each checkpoint of a run without an early stop, by output name."""
        return {
            checkpoint_output_name(steps): f"{run_folder}/checkpoints/{steps}.safetensors"
            for steps in self.training.checkpoint_steps()
        }

    def list_daf_class_modules(self) -> list[str]:
        """Return the `daf` modules that define the classes of the policy and of its teacher."""
        teacher = self.training.teacher
        return list_class_module_if_daf(self.class_path) + (
            list_class_module_if_daf(teacher) if teacher else []
        )

    def with_seed(self, training_seed: int) -> "Run":
        """Return a copy with another training seed and its name."""
        run = self.model_copy(update={"training_seed": training_seed})
        return run.model_copy(update={"name": run.name_from_content()})

    def name_from_content(self) -> str:
        """Return the name that follows from class, seed and the digest of all values."""
        content = self.resolved()
        del content["name"], content["policy"]
        return f"{class_label(self.class_path)}-s{self.training_seed}-{digest(content)[:8]}"

    def resume_identity(self) -> dict[str, Any]:
        """Return the values that decide each update of the run, as plain data.

        Runs with equal keys share a resume state. The number of steps is excluded, unless the
        learning rate depends on it. The steps of a teacher that acts everywhere until the end are
        excluded, too.
        """
        content = self.resolved()
        del content["training"]["steps"]
        content["training"]["anneal_steps"] = self.training.lr_decay_steps
        if self.training.is_behavior_cloning:
            content["training"]["teacher_steps"] = None
        return {key: value for key, value in content.items() if key not in ("name", "policy")}
