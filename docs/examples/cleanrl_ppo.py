"""Train a mission with PPO in one file, in the style of CleanRL, and save a policy of DAF.

The network has the layers and the tensor names of DAF's `stateless`:

    pip install 'daf[gymnasium]'
    python cleanrl_ppo.py --seed 1 --output cleanrl.safetensors
    daf compare stateless@cleanrl.safetensors baseline --missions assembler_2
"""

import argparse
import time
from collections import deque
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.distributions import Categorical

from daf.envs import vector_env
from daf.policies.game import Game
from daf.policies.tokens import TokenEmbedding

EVALUATION_SEED = 1_000_000


def make_layer(inputs: int, outputs: int, gain: float) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


class Agent(nn.Module):
    """Token embedding, one hidden layer, heads for logits and value."""

    def __init__(self, game: Game, num_actions: int, size: int = 128):
        super().__init__()
        self.embedding = TokenEmbedding(game, size)
        self.hidden = make_layer(size, size, np.sqrt(2))
        self.actor = make_layer(size, num_actions, 0.01)
        self.critic = make_layer(size, 1, 1.0)

    def forward(self, observations: torch.Tensor) -> tuple[Categorical, torch.Tensor]:
        hidden = torch.relu(self.hidden(self.embedding(observations)))
        return Categorical(logits=self.actor(hidden)), self.critic(hidden).squeeze(-1)


def compute_gae(rewards, dones, values, next_value, gamma=0.99, gae_lambda=0.95):
    """Return the advantages [L, N]; `dones` belong to the same step as `rewards`."""
    advantages = torch.zeros_like(rewards)
    advantage = torch.zeros_like(next_value)
    for step in reversed(range(len(rewards))):
        continues = 1 - dones[step]
        delta = rewards[step] + gamma * next_value * continues - values[step]
        advantage = delta + gamma * gae_lambda * continues * advantage
        advantages[step], next_value = advantage, values[step]
    return advantages


def compute_ppo_loss(agent, observations, actions, log_probs, advantages, returns):
    distribution, values = agent(observations)
    ratio = (distribution.log_prob(actions) - log_probs).exp()
    advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    policy_loss = -torch.min(advantages * ratio, advantages * ratio.clamp(0.8, 1.2)).mean()
    value_loss = nn.functional.mse_loss(values, returns)
    return policy_loss + 0.5 * value_loss - 0.01 * distribution.entropy().mean()


@torch.no_grad()
def evaluate(agent: Agent, mission: str, num_worlds: int, greedy: bool) -> float:
    """Return the mean score of one episode in each of several unseen worlds."""
    env = vector_env(mission, num_worlds, seed=EVALUATION_SEED)
    (observations, _), infos = env.reset(), {}
    while "score" not in infos:
        distribution, _ = agent(torch.from_numpy(observations))
        actions = distribution.probs.argmax(-1) if greedy else distribution.sample()
        observations, *_, infos = env.step(actions.numpy())
    return float(infos["score"].mean())


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mission", default="assembler_2")
    parser.add_argument("--steps", type=int, default=2_000_000, help="agent-steps in total")
    parser.add_argument("--worlds", type=int, default=64)
    parser.add_argument("--rollout-length", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("cleanrl.safetensors"))
    return parser.parse_args()


def train(agent: Agent, env, args: argparse.Namespace) -> None:
    optimizer = torch.optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5)
    shape = args.rollout_length, env.num_envs
    observations = torch.zeros(*shape, *env.single_observation_space.shape, dtype=torch.uint8)
    actions = torch.zeros(shape, dtype=torch.int64)
    log_probs, rewards, dones, values = (torch.zeros(shape) for _ in range(4))
    scores = deque(maxlen=env.num_envs)
    next_observation = torch.from_numpy(env.reset(seed=args.seed)[0])
    num_updates = max(1, args.steps // actions.numel())
    for update in range(1, num_updates + 1):
        optimizer.param_groups[0]["lr"] = args.learning_rate * (1 - (update - 1) / num_updates)
        for step in range(args.rollout_length):
            observations[step] = next_observation
            with torch.no_grad():
                distribution, values[step] = agent(next_observation)
                actions[step] = distribution.sample()
                log_probs[step] = distribution.log_prob(actions[step])
            result, reward, terminations, truncations, infos = env.step(actions[step].numpy())
            next_observation, rewards[step] = torch.from_numpy(result), torch.from_numpy(reward)
            dones[step] = torch.from_numpy(terminations | truncations)
            if "final_info" in infos:
                scores.extend(infos["final_info"]["score"][infos["_final_info"]])
        with torch.no_grad():
            advantages = compute_gae(rewards, dones, values, agent(next_observation)[1])
        data = observations, actions, log_probs, advantages, advantages + values
        rows = [tensor.flatten(0, 1) for tensor in data]
        for minibatch in torch.randperm(actions.numel()).chunk(8):
            loss = compute_ppo_loss(agent, *(tensor[minibatch] for tensor in rows))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimizer.step()
        score = f"{np.mean(scores):.2f}" if scores else "no finished episode"
        print(f"update {update}  steps {update * actions.numel()}  score {score}", flush=True)


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    # With "SameStep", every step of the loop is a step of an episode.
    options = {"autoreset_mode": "SameStep", "shaping": {"made_heart": 0.3}}
    env = vector_env(args.mission, args.worlds, **options)
    agent = Agent(Game.of(env.worlds.mission), env.single_action_space.n)
    start = time.perf_counter()
    train(agent, env, args)
    print(f"training time {time.perf_counter() - start:.0f} s")
    save_file(agent.state_dict(), args.output)
    for name, greedy in (("sampled", False), ("greedy", True)):
        score = evaluate(agent, args.mission, args.worlds, greedy)
        print(f"{name} score {score:.2f} in {args.worlds} unseen worlds", flush=True)


if __name__ == "__main__":
    main()
