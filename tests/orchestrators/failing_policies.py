"""Policies that fail in different ways, and hyperparameters of a short run."""

POLICIES = """
import os, signal, time
from pathlib import Path

import torch
from daf.policies import Policy
from daf.policies.stateless import Stateless


class Still(Policy):
    def act(self, observations, state):
        return torch.zeros(len(observations), dtype=torch.int64), state


class Raises(Still):
    def act(self, observations, state):
        raise RuntimeError("boom")


class Deleted(Still):
    "Deletes its own file."

    def act(self, observations, state):
        Path(__file__).unlink()
        raise RuntimeError("boom")


class Loner(Still):
    "Fails with more than one agent."

    def initial_state(self, seeds):
        self.rows = len(seeds)
        return None

    def act(self, observations, state):
        if self.rows == 8:  # two worlds of assembler_2
            raise RuntimeError("too crowded")
        return super().act(observations, state)


class Greedy(Still):
    "Fills the disk of the results folder."

    def initial_state(self, seeds):
        folder = os.environ["ROOM"]
        room = os.statvfs(folder)
        with open(Path(folder, "ballast"), "wb") as file:
            os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize)
        return None


class Diverging(Stateless):
    def __init__(self, game, device="cpu", diverges=True):
        super().__init__(game, device, hidden_size=8)
        self.diverges = diverges

    def forward(self, observations, recurrent_state, episode_starts):
        logits, values, state = super().forward(observations, recurrent_state, episode_starts)
        return logits, values * (float("nan") if self.diverges else 1.0), state


class Fragile(Stateless):
    "Diverges, crashes or is killed during training."

    def __init__(self, game, device="cpu", failure="none"):
        super().__init__(game, device, hidden_size=8)
        self.failure = failure

    def forward(self, observations, recurrent_state, episode_starts):
        logits, values, state = super().forward(observations, recurrent_state, episode_starts)
        if len(observations) > 1:  # training
            if self.failure == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.failure == "crashes":
                raise RuntimeError("boom")
            if self.failure == "diverges":
                values = values * float("nan")
        return logits, values, state


class Slow(Stateless):
    def forward(self, observations, recurrent_state, episode_starts):
        time.sleep(0.2)
        return super().forward(observations, recurrent_state, episode_starts)


class Vanishing(Stateless):
    "Deletes its weights."

    def load(self, path):
        super().load(path)
        self.path = path

    def initial_state(self, seeds):
        Path(self.path).unlink()
        return super().initial_state(seeds)
"""
SMALL = {"worlds": 2, "rollout_length": 16, "minibatches": 1, "epochs": 1}
