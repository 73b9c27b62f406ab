"""Train a mission with PPO of Stable-Baselines3 and save the weights as a policy of DAF.

The network has the layers of DAF's `stateless`, so that DAF evaluates the saved file:

    pip install 'daf[sb3]'
    python sb3_ppo.py --seed 1 --output sb3.safetensors
    daf compare stateless@sb3.safetensors baseline --missions assembler_2
"""

import argparse
import time
from collections import deque
from pathlib import Path

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from daf.envs import sb3_env
from daf.policies.game import Game
from daf.policies.stateless import Stateless
from daf.policies.tokens import TokenEmbedding

EVALUATION_SEED = 1_000_000


class TokenFeatures(BaseFeaturesExtractor):
    """Features of observation tokens: token embedding and one hidden layer."""

    def __init__(self, observation_space, game: Game, size: int = 128):
        super().__init__(observation_space, size)
        self.embedding = TokenEmbedding(game, size)
        self.hidden = nn.Linear(size, size)
        nn.init.orthogonal_(self.hidden.weight, np.sqrt(2))
        nn.init.zeros_(self.hidden.bias)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        # Stable-Baselines3 converts observations to float32.
        return torch.relu(self.hidden(self.embedding(observations.byte())))


class ScoreCallback(BaseCallback):
    """Print the mean score of the latest episodes, one per world, after each rollout."""

    def __init__(self, num_worlds: int, num_agents: int):
        super().__init__()
        self.num_agents = num_agents
        self.scores = deque(maxlen=num_worlds)
        self.num_updates = 0

    def _on_step(self) -> bool:
        # All agents of a world have the same infos.
        infos = self.locals["infos"][:: self.num_agents]
        self.scores.extend(info["score"] for info in infos if "score" in info)
        return True

    def _on_rollout_end(self) -> None:
        self.num_updates += 1
        score = f"{np.mean(self.scores):.2f}" if self.scores else "no finished episode"
        print(f"update {self.num_updates}  steps {self.num_timesteps}  score {score}", flush=True)


def evaluate(model: PPO, mission: str, num_worlds: int, deterministic: bool) -> float:
    """Return the mean score of one episode in each of several unseen worlds."""
    env = sb3_env(mission, num_worlds, seed=EVALUATION_SEED)
    observations, dones = env.reset(), np.array(False)
    while not dones.any():
        actions, _ = model.predict(observations, deterministic=deterministic)
        observations, _, dones, infos = env.step(actions)
    return float(np.mean([info["score"] for info in infos]))


def to_stateless(model: PPO, game: Game) -> Stateless:
    """Copy the weights into DAF's policy `stateless`."""
    features = model.policy.features_extractor
    policy = Stateless(game)
    policy.embedding.load_state_dict(features.embedding.state_dict())
    policy.hidden.load_state_dict(features.hidden.state_dict())
    policy.actor.load_state_dict(model.policy.action_net.state_dict())
    policy.critic.load_state_dict(model.policy.value_net.state_dict())
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
    parser.add_argument("--output", type=Path, default=Path("sb3.safetensors"))
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    env = sb3_env(args.mission, args.worlds, seed=args.seed, shaping={"made_heart": 0.3})
    game = Game.of(env.worlds.mission)
    model = PPO(
        "MlpPolicy",
        env,
        learning_rate=lambda remaining: args.learning_rate * remaining,
        n_steps=args.rollout_length,
        batch_size=args.rollout_length * env.num_envs // 8,
        n_epochs=1,
        ent_coef=0.01,
        policy_kwargs={
            "features_extractor_class": TokenFeatures,
            "features_extractor_kwargs": {"game": game},
            "net_arch": [],
        },
        seed=args.seed,
        device="cpu",
    )
    start = time.perf_counter()
    model.learn(args.steps, ScoreCallback(args.worlds, env.worlds.num_agents))
    print(f"training time {time.perf_counter() - start:.0f} s")
    to_stateless(model, game).save(args.output)
    for name, deterministic in (("sampled", False), ("greedy", True)):
        score = evaluate(model, args.mission, args.worlds, deterministic)
        print(f"{name} score {score:.2f} in {args.worlds} unseen worlds", flush=True)


if __name__ == "__main__":
    main()
