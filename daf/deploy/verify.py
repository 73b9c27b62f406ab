"""Is a bundle what it says? Its structure and hashes, then what it does, in a fresh process."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from daf.config import ConfigError
from daf.config.errors import plain
from daf.deploy.archive import read_archive
from daf.deploy.content import WEIGHTS, Bundle, Score
from daf.deploy.golden import TOLERANCE, check_golden, check_sums
from daf.deploy.process import Unpacked
from daf.deploy.sources import foreign
from daf.evaluate import POLICY_STREAM
from daf.missions import Mission
from daf.policies.chance import mix_seeds
from daf.sim.simulation import Simulation
from daf.stats.estimate import Term, student

SURPRISE = 0.001
"""How probable scores as far from the recorded ones must be, for all missions together; less is a
problem. A sound bundle fails so often, if it is evaluated."""

MINUTES = 5.0
"""That one answer of a bundle's code may take."""


@dataclass
class Verdict:
    """What a verification found, one line each.

    Attributes:
        said: what agrees.
        problems: what is wrong.
        unverifiable: what could not be looked at.
    """

    said: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unverifiable: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The exit status: 0 verified, 1 something is wrong, 3 not all could be verified."""
        return 1 if self.problems else 3 if self.unverifiable else 0

    def tell(self, report: Callable[[str], None]) -> int:
        """Say everything, line by line. Returns the exit status."""
        marks = (("", self.said), ("wrong: ", self.problems), ("unverifiable: ", self.unverifiable))
        for mark, lines in marks:
            for line in lines:
                report(plain(f"{mark}{line}"))
        report({0: "verified", 1: "not what it says", 3: "unverifiable"}[self.status])
        return self.status


def verify(path: str | Path, *, trust: bool = False, episodes: int = 0) -> Verdict:
    """Verify a bundle: each step only if the one before found nothing.

    Args:
        path: the file.
        trust: whether code of the bundle may be run that is not, byte for byte, this DAF's own.
        episodes: to play on each of its missions, in new worlds; 0: none.

    Raises:
        ConfigError: it is no bundle, or one that nobody should unpack; one line.
    """
    members, problems = read_archive(path)
    found = Verdict(problems=problems)
    if problems:
        return found
    found.said.append(f"{len(members)} members, all as the manifest says")
    strange = foreign(members)
    if strange and not trust:
        found.unverifiable.append(
            f"{', '.join(strange)}: code that is not this DAF's own, which is run only if you say "
            "so (--trust)"
        )
        return found
    try:
        bundle = Bundle.of(members)
        with Unpacked(members, MINUTES) as unpacked:
            problems = check_golden(bundle.golden, unpacked)
            found.problems += problems or check_sums(bundle.golden, bundle.weights)
            if not found.problems:
                steps, agents = bundle.golden["actions"].shape
                found.said.append(
                    f"golden outputs: {steps} steps of {agents} agents again, within {TOLERANCE:g}"
                )
                if bundle.about.provenance.weights != bundle.digest(WEIGHTS):
                    found.problems.append(f"{WEIGHTS}: policy.json speaks of other weights")
            if not found.problems and episodes:
                _evaluate(bundle, unpacked, episodes, found)
    except ConfigError as error:
        found.problems.append(f"{error}")
    return found


def run_verify(path: str, trust: bool, episodes: int, report: Callable[[str], None] = print) -> int:
    """Verify a bundle and say what was found. Returns the exit status."""
    return verify(path, trust=trust, episodes=episodes).tell(report)


def _evaluate(bundle: Bundle, unpacked: Unpacked, episodes: int, found: Verdict) -> None:
    for name, mission in bundle.missions.items():
        told = bundle.about.scores[name]
        scores = _scores(mission, unpacked, episodes, bundle.about.evaluation_seed + 1)
        mean, p = scores.mean().item(), _probability(scores, told)
        line = f"{name}: {mean:.2f} in {episodes} new episodes, {told.mean:.2f} recorded"
        if p is None:
            found.unverifiable.append(f"{line}; too few episodes to compare")
        elif p < SURPRISE / len(bundle.missions):
            found.problems.append(f"{line}; so far apart by chance only with p = {p:.1g}")
        else:
            found.said.append(line)


def _scores(mission: Mission, unpacked: Unpacked, episodes: int, seed: int) -> torch.Tensor:
    """Play whole episodes. Returns the scores, float64 [E]."""
    simulation = Simulation(mission, episodes, "cpu", seed)
    agents = mission.num_agents
    seeds = mix_seeds(simulation.state.world_seed, agents, POLICY_STREAM)
    for step in range(mission.max_steps):
        seen = simulation.observations.flatten(0, 1)
        answer = unpacked.act(seen, seeds if step == 0 else None)
        simulation.step(answer["actions"].view(-1, agents))
    return simulation.score().double()


def _probability(scores: torch.Tensor, told: Score) -> float | None:
    """How probable so different means are, if both are of one policy (Welch's test)."""
    if len(scores) < 2 or told.sd is None:
        return None
    terms = [
        Term(scores.var().item() / len(scores), len(scores) - 1),
        Term(told.sd**2 / told.episodes, told.episodes - 1),
    ]
    difference = scores.mean().item() - told.mean
    p = student(difference, terms, 0.95)["p"]
    return p if not math.isnan(p) else None
