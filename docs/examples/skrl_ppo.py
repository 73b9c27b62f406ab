"""Train a mission with IPPO or MAPPO of skrl and save a policy of DAF.

All agents share one policy, which has the layers of DAF's `stateless`. The value function receives
the observation of the agent (IPPO) or of all agents (MAPPO).

    pip install 'daf[skrl]'
    python skrl_ppo.py --algorithm mappo --seed 1 --output mappo.safetensors
    daf compare stateless@mappo.safetensors baseline --missions assembler_2
"""

import argparse
import time
from pathlib import Path

import torch
from skrl.memories.torch import RandomMemory
from skrl.models.torch import CategoricalMixin, DeterministicMixin, Model
from skrl.multi_agents.torch.ippo import IPPO
from skrl.multi_agents.torch.mappo import MAPPO
from skrl.trainers.torch import SequentialTrainer
from skrl.utils import set_seed
from torch import nn

from daf.envs import skrl_env
from daf.policies.game import Game
from daf.policies.stateless import Stateless
from daf.policies.tokens import TokenEmbedding

EVALUATION_SEED = 1_000_000


class Policy(CategoricalMixin, Model):
    """Policy of all agents."""

    def __init__(self, network: Stateless, **spaces):
        Model.__init__(self, **spaces)
        CategoricalMixin.__init__(self)
        self.network = network

    def compute(self, inputs: dict, role: str) -> tuple[torch.Tensor, dict]:
        # skrl stores observations as flat float32.
        tokens = inputs["observations"].byte().view(-1, *self.observation_space.shape)
        hidden = torch.relu(self.network.hidden(self.network.embedding(tokens)))
        return self.network.actor(hidden), {}


class Value(DeterministicMixin, Model):
    """Value function of all agents; it reads `source`, "observations" or "states"."""

    def __init__(self, game: Game, source: str, size: int = 128, **spaces):
        Model.__init__(self, **spaces)
        DeterministicMixin.__init__(self)
        self.source = source
        num_views = game.num_agents if source == "states" else 1
        self.embedding = TokenEmbedding(game, size)
        self.layers = nn.Sequential(
            nn.Linear(num_views * size, size), nn.ReLU(), nn.Linear(size, 1)
        )

    def compute(self, inputs: dict, role: str) -> tuple[torch.Tensor, dict]:
        tokens = inputs[self.source].byte().view(-1, *self.observation_space.shape)
        return self.layers(self.embedding(tokens).view(len(inputs[self.source]), -1)), {}


class ScorePrinter:
    """Print the mean score of the latest episodes after each update."""

    score = "no finished episode"

    def record_transition(self, *, infos: dict, **transition) -> None:
        super().record_transition(infos=infos, **transition)
        if infos:
            self.score = f"{infos['score'][infos['is_final']].float().mean():.2f}"

    def post_interaction(self, *, timestep: int, timesteps: int) -> None:
        super().post_interaction(timestep=timestep, timesteps=timesteps)
        update, remainder = divmod(timestep + 1, self.cfg.rollouts)
        if remainder == 0:
            steps = (timestep + 1) * self.memories["agent_0"].num_envs * self.num_agents
            print(f"update {update}  steps {steps}  score {self.score}", flush=True)


class PrintingIPPO(ScorePrinter, IPPO):
    """IPPO with scores."""


class PrintingMAPPO(ScorePrinter, MAPPO):
    """MAPPO with scores."""


@torch.no_grad()
def evaluate(policy: Policy, mission: str, num_worlds: int, greedy: bool) -> float:
    """Return the mean score of one episode in each of several unseen worlds."""
    env = skrl_env(mission, num_worlds, seed=EVALUATION_SEED)
    observations, infos = env.reset()
    while not infos:
        actions = {}
        for agent in env.possible_agents:
            sampled, outputs = policy.act({"observations": observations[agent]})
            actions[agent] = outputs["net_output"].argmax(-1) if greedy else sampled
        observations, *_, infos = env.step(actions)
    return infos["score"].float().mean().item()


def build_learner(env, policy: Policy, value: Value, num_updates: int, args: argparse.Namespace):
    """Build a learner with the same networks for all agents."""
    agents = env.possible_agents
    # skrl 2.1 requires options that are mappings by agent.
    schedule = {"start_factor": 1.0, "end_factor": 0.0, "total_iters": num_updates}
    options = {f"{name}_preprocessor_kwargs": {} for name in ("observation", "state", "value")}
    options["learning_rate_scheduler_kwargs"] = schedule
    config = {name: dict.fromkeys(agents, kwargs) for name, kwargs in options.items()} | {
        "rollouts": args.rollout_length,
        "learning_epochs": 1,
        "mini_batches": 2,
        "learning_rate": args.learning_rate,
        "learning_rate_scheduler": torch.optim.lr_scheduler.LinearLR,
        "value_clip": 0.0,
        "value_loss_scale": 0.5,
        "entropy_loss_scale": 0.01,
        "experiment": {"write_interval": 0, "checkpoint_interval": 0},
    }
    memory = {"memory_size": args.rollout_length, "num_envs": args.worlds, "device": env.device}
    learner_class = PrintingMAPPO if args.algorithm == "mappo" else PrintingIPPO
    return learner_class(
        possible_agents=agents,
        models={agent: {"policy": policy, "value": value} for agent in agents},
        memories={agent: RandomMemory(**memory) for agent in agents},
        observation_spaces=env.observation_spaces,
        state_spaces=env.state_spaces,
        action_spaces=env.action_spaces,
        device=env.device,
        cfg=config,
    )


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--algorithm", choices=("ippo", "mappo"), default="ippo")
    parser.add_argument("--mission", default="assembler_2")
    parser.add_argument("--steps", type=int, default=2_000_000, help="agent-steps in total")
    parser.add_argument("--worlds", type=int, default=64)
    parser.add_argument("--rollout-length", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("skrl.safetensors"))
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    set_seed(args.seed)
    env = skrl_env(args.mission, args.worlds, seed=args.seed, shaping={"made_heart": 0.3})
    spaces = {
        "observation_space": env.observation_space("agent_0"),
        "action_space": env.action_space("agent_0"),
        "device": env.device,
    }
    game = Game.of(env.worlds.mission)
    network = Stateless(game)
    policy = Policy(network, **spaces)
    value = Value(game, "states" if args.algorithm == "mappo" else "observations", **spaces)
    num_updates = max(1, args.steps // (args.rollout_length * args.worlds * env.num_agents))
    learner = build_learner(env, policy, value, num_updates, args)
    timesteps = num_updates * args.rollout_length
    config = {"timesteps": timesteps, "headless": True, "disable_progressbar": True}
    trainer = SequentialTrainer(env=env, agents=learner, cfg=config)
    start = time.perf_counter()
    trainer.train()
    print(f"training time {time.perf_counter() - start:.0f} s")
    network.save(args.output)
    for name, greedy in (("sampled", False), ("greedy", True)):
        score = evaluate(policy, args.mission, args.worlds, greedy)
        print(f"{name} score {score:.2f} in {args.worlds} unseen worlds", flush=True)


if __name__ == "__main__":
    main()
