"""Run: one training run of a plan, and its files."""

from typing import Any

from daf.config import (
    Model,
    TrainingConfig,
)
from daf.missions import Mission
from daf.plan.contestants import policy_modules
from daf.plan.names import class_label
from daf.provenance.hashing import digest


class Run(Model):
    """One training: everything that decides its weights, but for the code."""

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
        """All values as plain data; the missions are not to be changed."""
        missions = [mission.resolved() for mission in self.missions]
        return self.model_dump(mode="json", exclude={"missions"}) | {"missions": missions}

    def modules(self) -> list[str]:
        """The `daf` modules of the policy's own code, and of its teacher's."""
        teacher = self.training.teacher
        return policy_modules(self.class_path) + (policy_modules(teacher) if teacher else [])

    def with_seed(self, seed: int) -> "Run":
        """The same training with another seed, under the name that follows."""
        run = self.model_copy(update={"training_seed": seed})
        return run.model_copy(update={"name": run.proper_name()})

    def proper_name(self) -> str:
        """The name that its content gives it."""
        content = self.resolved()
        del content["name"], content["policy"]
        return f"{class_label(self.class_path)}-s{self.training_seed}-{digest(content)[:8]}"

    def resume_key(self) -> dict[str, Any]:
        """What decides how the training goes, update by update. Its length is part of it only
        where the learning rate follows from it."""
        content = self.resolved()
        del content["training"]["steps"]
        content["training"]["anneal_steps"] = self.training.lr_decay_steps
        return {key: value for key, value in content.items() if key not in ("name", "policy")}
