"""Train a mission with PPO of TorchRL, one policy for all agents, and save a policy of DAF.

The network has the layers of DAF's `stateless`, so that DAF evaluates the saved file:

    pip install 'daf[torchrl]'
    python torchrl_ppo.py --seed 1 --output torchrl.safetensors
    daf compare stateless@torchrl.safetensors baseline --missions assembler_2
"""

import argparse
import time
from pathlib import Path

import torch
from tensordict import TensorDictBase
from tensordict.nn import TensorDictModule
from torch import nn
from torch.distributions import Categorical
from torchrl.collectors import Collector
from torchrl.envs.utils import ExplorationType, set_exploration_type
from torchrl.modules import ActorValueOperator, ProbabilisticActor
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

from daf.envs import torchrl_env
from daf.policies.game import Game
from daf.policies.stateless import Stateless

EVALUATION_SEED = 1_000_000
OBSERVATION, ACTION, REWARD = (("agents", key) for key in ("observation", "action", "reward"))
HIDDEN, LOGITS, VALUE = (("agents", key) for key in ("hidden", "logits", "state_value"))
DONE, TERMINATED = ("agents", "done"), ("agents", "terminated")


class TokenFeatures(nn.Module):
    """Token embedding and hidden layer for observations uint8 [..., T, 3]."""

    def __init__(self, network: Stateless):
        super().__init__()
        self.embedding, self.hidden = network.embedding, network.hidden

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        embedded = self.embedding(observations.flatten(0, -3))
        return torch.relu(self.hidden(embedded)).unflatten(0, observations.shape[:-2])


def build_operator(network: Stateless) -> ActorValueOperator:
    """Build actor and critic with common features from the layers of a network."""
    logits = TensorDictModule(network.actor, in_keys=[HIDDEN], out_keys=[LOGITS])
    return ActorValueOperator(
        TensorDictModule(TokenFeatures(network), in_keys=[OBSERVATION], out_keys=[HIDDEN]),
        ProbabilisticActor(
            logits,
            in_keys={"logits": LOGITS},
            out_keys=[ACTION],
            distribution_class=Categorical,
            return_log_prob=True,
        ),
        TensorDictModule(network.critic, in_keys=[HIDDEN], out_keys=[VALUE]),
    )


def build_loss(operator: ActorValueOperator) -> tuple[ClipPPOLoss, GAE]:
    """Build the PPO loss and the estimator of its advantages."""
    critic = operator.get_value_operator()
    loss = ClipPPOLoss(
        operator.get_policy_operator(),
        critic,
        clip_epsilon=0.2,
        entropy_coeff=0.01,
        critic_coeff=0.5,
        loss_critic_type="l2",
    )
    keys = {"reward": REWARD, "value": VALUE, "done": DONE, "terminated": TERMINATED}
    loss.set_keys(action=ACTION, sample_log_prob=("agents", "action_log_prob"), **keys)
    # `average_gae` normalizes the advantages. The kernels of the embedding do not support vmap.
    gae = GAE(gamma=0.99, lmbda=0.95, value_network=critic, average_gae=True, deactivate_vmap=True)
    gae.set_keys(**keys)
    return loss, gae


def repeat_ends(data: TensorDictBase) -> None:
    """Copy the ends of the worlds [E, L, 1] to their agents [E, L, A, 1]."""
    shape = data["next", REWARD].shape
    for name in ("done", "terminated"):
        data["next", "agents", name] = data["next", name].unsqueeze(-2).expand(shape)


@torch.no_grad()
def evaluate(policy: nn.Module, mission: str, num_worlds: int, greedy: bool) -> float:
    """Return the mean score of one episode in each of several unseen worlds."""
    env = torchrl_env(mission, num_worlds, seed=EVALUATION_SEED)
    data = env.reset()
    with set_exploration_type(ExplorationType.MODE if greedy else ExplorationType.RANDOM):
        while not data["done"].any():
            data = env.step(policy(data))["next"]
    return data["info", "score"].float().mean().item()


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mission", default="assembler_2")
    parser.add_argument("--steps", type=int, default=2_000_000, help="agent-steps in total")
    parser.add_argument("--worlds", type=int, default=64)
    parser.add_argument("--rollout-length", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("torchrl.safetensors"))
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    env = torchrl_env(args.mission, args.worlds, seed=args.seed, shaping={"made_heart": 0.3})
    network = Stateless(Game.of(env.worlds.mission))
    operator = build_operator(network)
    policy = operator.get_policy_operator()
    loss, gae = build_loss(operator)
    # TorchRL counts the steps of worlds.
    num_rows = args.worlds * args.rollout_length
    num_updates = max(1, args.steps // (num_rows * env.worlds.num_agents))
    collector = Collector(
        env,
        policy,
        frames_per_batch=num_rows,
        total_frames=num_updates * num_rows,
        auto_register_policy_transforms=False,
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=args.learning_rate)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, num_updates)
    start, score = time.perf_counter(), "no finished episode"
    for update, data in enumerate(collector, 1):
        repeat_ends(data)
        with torch.no_grad():
            gae(data)
        rows = data.reshape(-1)
        for minibatch in torch.randperm(num_rows).chunk(8):
            losses = loss(rows[minibatch])
            optimizer.zero_grad()
            sum(value for name, value in losses.items() if name.startswith("loss_")).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 0.5)
            optimizer.step()
        scheduler.step()
        if data["next", "done"].any():
            scores = data["next", "info", "score"][data["next", "done"]]
            score = f"{scores.float().mean():.2f}"
        steps = update * num_rows * env.worlds.num_agents
        print(f"update {update}  steps {steps}  score {score}", flush=True)
    collector.shutdown()
    print(f"training time {time.perf_counter() - start:.0f} s")
    network.save(args.output)
    for name, greedy in (("sampled", False), ("greedy", True)):
        result = evaluate(policy, args.mission, args.worlds, greedy)
        print(f"{name} score {result:.2f} in {args.worlds} unseen worlds", flush=True)


if __name__ == "__main__":
    main()
