"""Train a mission with MAPPO of BenchMARL and save a policy of DAF.

All agents share one policy, which has the layers of DAF's `stateless`. The value function receives
the observations of all agents.

    pip install -r benchmarl-requirements.txt
    python benchmarl_mappo.py --seed 1 --output benchmarl.safetensors
    daf compare stateless@benchmarl.safetensors baseline --missions assembler_2
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from benchmarl.algorithms import Mappo, MappoConfig
from benchmarl.environments.common import TaskClass
from benchmarl.experiment import Callback, Experiment, ExperimentConfig
from benchmarl.models.common import Model, ModelConfig
from torch import nn
from torchrl.data import Composite
from torchrl.envs import EnvBase
from torchrl.envs.utils import ExplorationType, set_exploration_type

from daf.envs import torchrl_env
from daf.missions import load_mission
from daf.policies.game import Game
from daf.policies.stateless import Stateless
from daf.policies.tokens import TokenEmbedding

EVALUATION_SEED = 1_000_000


class MissionTask(TaskClass):
    """Mission as a task; the configuration contains the arguments of `torchrl_env`."""

    def get_env_fun(self, num_envs, continuous_actions, seed, device):
        return lambda: torchrl_env(
            num_worlds=num_envs, seed=seed or 0, device=str(device), **self.config
        )

    def supports_continuous_actions(self) -> bool:
        return False

    def supports_discrete_actions(self) -> bool:
        return True

    def max_steps(self, env: EnvBase) -> int:
        return load_mission(self.config["mission"]).max_steps

    def has_render(self, env: EnvBase) -> bool:
        return False

    def group_map(self, env: EnvBase) -> dict[str, list[str]]:
        return env.group_map

    def observation_spec(self, env: EnvBase) -> Composite:
        return Composite({"agents": env.full_observation_spec_unbatched["agents"].clone()})

    def info_spec(self, env: EnvBase) -> None:
        return None

    def state_spec(self, env: EnvBase) -> Composite:
        return Composite({"state": env.full_observation_spec_unbatched["state"].clone()})

    def action_spec(self, env: EnvBase) -> Composite:
        return env.full_action_spec_unbatched

    def action_mask_spec(self, env: EnvBase) -> None:
        return None

    @staticmethod
    def env_name() -> str:
        return "daf"


class TokenModel(Model):
    """Token embedding, one hidden layer and a head, for one agent or for all (centralised)."""

    def __init__(self, mission: str, size: int, **kwargs):
        super().__init__(**kwargs)
        self.embedding = TokenEmbedding(Game.of(load_mission(mission)), size)
        num_views = self.n_agents if self.centralised else 1
        self.hidden = nn.Linear(num_views * size, size)
        self.head = nn.Linear(size, self.output_leaf_spec.shape[-1])

    def _forward(self, tensordict):
        tokens = tensordict[self.in_key]
        embedded = self.embedding(tokens.flatten(0, -3)).unflatten(0, tokens.shape[:-2])
        if self.centralised:
            embedded = embedded.flatten(-2)
        tensordict[self.out_key] = self.head(torch.relu(self.hidden(embedded)))
        return tensordict


@dataclass
class TokenModelConfig(ModelConfig):
    """Arguments of `TokenModel`."""

    mission: str
    size: int = 128

    @staticmethod
    def associated_class() -> type[Model]:
        return TokenModel


class TokenMappo(Mappo):
    """MAPPO for networks with kernels that do not support vmap, such as `TokenEmbedding`."""

    def _get_loss(self, group, policy_for_loss, continuous):
        loss, use_target = super()._get_loss(group, policy_for_loss, continuous)
        loss.value_estimator.deactivate_vmap = True
        return loss, use_target


@dataclass
class TokenMappoConfig(MappoConfig):
    """Arguments of `TokenMappo`, those of MAPPO."""

    @staticmethod
    def associated_class() -> type[Mappo]:
        return TokenMappo


class Progress(Callback):
    """Print the mean score of the latest episodes and anneal the learning rate."""

    score = "no finished episode"

    def on_batch_collected(self, batch) -> None:
        config, num_updates = self.experiment.config, self.experiment.n_iters_performed
        for optimizer in self.experiment.optimizers["agents"].values():
            remaining = 1 - num_updates / config.max_n_iters
            optimizer.param_groups[0]["lr"] = config.lr * remaining
        done = batch["next", "done"]
        if done.any():
            self.score = f"{batch['next', 'info', 'score'][done].float().mean():.2f}"
        steps = self.experiment.total_frames * len(self.experiment.group_map["agents"])
        print(f"update {num_updates + 1}  steps {steps}  score {self.score}", flush=True)


@torch.no_grad()
def evaluate(policy: nn.Module, mission: str, num_worlds: int, greedy: bool) -> float:
    """Return the mean score of one episode in each of several unseen worlds."""
    data = (env := torchrl_env(mission, num_worlds, seed=EVALUATION_SEED)).reset()
    with set_exploration_type(ExplorationType.MODE if greedy else ExplorationType.RANDOM):
        while not data["done"].any():
            data = env.step(policy(data))["next"]
    return data["info", "score"].float().mean().item()


def build_experiment(args: argparse.Namespace, num_agents: int, folder: str) -> Experiment:
    """Build the experiment; BenchMARL counts the steps of worlds."""
    algorithm = MappoConfig.get_from_yaml()
    algorithm.entropy_coef, algorithm.critic_coef, algorithm.lmbda = 0.01, 0.5, 0.95
    config = ExperimentConfig.get_from_yaml()
    num_frames = args.worlds * args.rollout_length
    config.max_n_frames, config.max_n_iters = None, max(1, args.steps // (num_frames * num_agents))
    config.on_policy_collected_frames_per_batch = num_frames
    config.on_policy_n_envs_per_worker = args.worlds
    config.on_policy_n_minibatch_iters = 1
    config.on_policy_minibatch_size = num_frames // 8
    config.lr, config.clip_grad_val = args.learning_rate, 0.5
    config.evaluation, config.render, config.loggers, config.create_json = False, False, [], False
    config.save_folder = folder
    return Experiment(
        MissionTask("mission", {"mission": args.mission, "shaping": {"made_heart": 0.3}}),
        TokenMappoConfig(**vars(algorithm)),
        TokenModelConfig(args.mission),
        args.seed,
        config,
        callbacks=[Progress()],
    )


def to_stateless(model: TokenModel, game: Game) -> Stateless:
    """Copy the weights into DAF's policy `stateless`; its value head stays untrained."""
    policy = Stateless(game)
    policy.embedding.load_state_dict(model.embedding.state_dict())
    policy.hidden.load_state_dict(model.hidden.state_dict())
    policy.actor.load_state_dict(model.head.state_dict())
    return policy


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mission", default="assembler_2")
    parser.add_argument("--steps", type=int, default=2_000_000, help="agent-steps in total")
    parser.add_argument("--worlds", type=int, default=64)
    parser.add_argument("--rollout-length", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("benchmarl.safetensors"))
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    mission = load_mission(args.mission)
    with tempfile.TemporaryDirectory() as folder:
        experiment = build_experiment(args, mission.num_agents, folder)
        start = time.perf_counter()
        experiment.run()
    print(f"training time {time.perf_counter() - start:.0f} s")
    policy = experiment.group_policies["agents"]
    to_stateless(policy[0], Game.of(mission)).save(args.output)
    for name, greedy in (("sampled", False), ("greedy", True)):
        score = evaluate(policy, args.mission, args.worlds, greedy)
        print(f"{name} score {score:.2f} in {args.worlds} unseen worlds", flush=True)


if __name__ == "__main__":
    main()
