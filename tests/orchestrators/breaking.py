"""Policies that break, and hyperparameters of a training that lasts a moment."""

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
    "Plays alone only."

    def initial_state(self, seeds):
        self.rows = len(seeds)
        return None

    def act(self, observations, state):
        if self.rows == 8:  # two worlds of assembler_2
            raise RuntimeError("too crowded")
        return super().act(observations, state)


class Greedy(Still):
    "Takes all the room there is in the folder of results."

    def initial_state(self, seeds):
        folder = os.environ["ROOM"]
        room = os.statvfs(folder)
        with open(Path(folder, "ballast"), "wb") as file:
            os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize)
        return None


class Diverging(Stateless):
    def __init__(self, game, device="cpu", sick=True):
        super().__init__(game, device, hidden_size=8)
        self.sick = sick

    def forward(self, observations, memory, starts):
        logits, values, memory = super().forward(observations, memory, starts)
        return logits, values * (float("nan") if self.sick else 1.0), memory


class Fragile(Stateless):
    "Diverges, crashes or is killed while it learns."

    def __init__(self, game, device="cpu", how="well"):
        super().__init__(game, device, hidden_size=8)
        self.how = how

    def forward(self, observations, memory, starts):
        logits, values, memory = super().forward(observations, memory, starts)
        if len(observations) > 1:  # it learns
            if self.how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.how == "crashes":
                raise RuntimeError("boom")
            if self.how == "diverges":
                values = values * float("nan")
        return logits, values, memory


class Slow(Stateless):
    def forward(self, observations, memory, starts):
        time.sleep(0.2)
        return super().forward(observations, memory, starts)


class Vanishing(Stateless):
    "Deletes the weights it plays with."

    def load(self, path):
        super().load(path)
        self.path = path

    def initial_state(self, seeds):
        Path(self.path).unlink()
        return super().initial_state(seeds)
"""
SMALL = {"worlds": 2, "rollout_length": 16, "minibatches": 1, "epochs": 1}
