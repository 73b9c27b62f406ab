"""Is a bundle what it says? Its structure and hashes, then what it does, in a fresh process."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from daf.config import ConfigError
from daf.deploy.archive import MANIFEST, read_archive, write_archive
from daf.deploy.claims import contradictions
from daf.deploy.contents import WEIGHTS, Bundle, Score
from daf.deploy.golden import TOLERANCE, check_golden, check_weight_checksums
from daf.deploy.isolated_process import BundleProcess
from daf.deploy.sources import foreign_files
from daf.errors import printable
from daf.evaluation.evaluate import POLICY_STREAM
from daf.missions import Mission
from daf.policies.chance import mix_seeds
from daf.provenance.hashing import file_digest
from daf.sim.simulation import Simulation
from daf.stats.estimate import error_term, t_interval
from daf.stats.permutation import permutation_p_value

SIGNIFICANCE = 0.001
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

    passed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unverifiable: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The exit status: 0 verified, 1 something is wrong, 3 not all could be verified."""
        return 1 if self.problems else 3 if self.unverifiable else 0

    def print_lines(self, report: Callable[[str], None]) -> int:
        """Say everything, line by line. Returns the exit status."""
        marks = (
            ("", self.passed),
            ("wrong: ", self.problems),
            ("unverifiable: ", self.unverifiable),
        )
        for mark, lines in marks:
            for line in lines:
                report(printable(f"{mark}{line}"))
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
    found.passed.append(f"{len(members)} members, all as the manifest says")
    strange = foreign_files(members)
    if strange and not trust:
        found.unverifiable.append(
            f"{', '.join(strange)}: code that is not this DAF's own, which is run only if you say "
            "so (--trust)"
        )
        return found
    try:
        bundle = Bundle.of(members)
        found.problems += contradictions(bundle) or _strange_bytes(path, members)
        if found.problems:
            return found
        found.passed.append("scores, card and all descriptions follow from each other")
        with BundleProcess(members, MINUTES) as unpacked:
            problems = check_golden(bundle.golden, unpacked)
            found.problems += problems or check_weight_checksums(bundle.golden, bundle.weights)
            if not found.problems:
                steps, agents = bundle.golden["actions"].shape
                found.passed.append(
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
    return verify(path, trust=trust, episodes=episodes).print_lines(report)


def _strange_bytes(path: str | Path, members: Mapping[str, bytes]) -> list[str]:
    """Whether the file has something that is in none of its members, as a line."""
    with tempfile.TemporaryDirectory(prefix="daf-bundle-") as folder:
        again = Path(folder, "again.zip")
        write_archive(again, {name: data for name, data in members.items() if name != MANIFEST})
        same = file_digest(again) == file_digest(path)
    return [] if same else ["the zip is not written as DAF writes bundles"]


def _evaluate(bundle: Bundle, unpacked: BundleProcess, episodes: int, found: Verdict) -> None:
    tests = {"means": mean_probability, "spreads": spread_probability}
    surprising = SIGNIFICANCE / (len(tests) * len(bundle.missions))
    for name, mission in bundle.missions.items():
        told = bundle.about.scores[name]
        scores = _scores(mission, unpacked, episodes, bundle.about.evaluation_seed + 1)
        line = f"{name}: {scores.mean():.2f} in {episodes} new episodes, {told.mean:.2f} recorded"
        if min(len(scores), told.episodes) < 2:
            found.unverifiable.append(f"{line}; too few episodes to compare")
            continue
        odd = {what: p for what, test in tests.items() if (p := test(scores, told)) < surprising}
        for what, p in odd.items():
            found.problems.append(f"{line}; so different {what} by chance only with p = {p:.1g}")
        if not odd:
            found.passed.append(line)


def _scores(mission: Mission, unpacked: BundleProcess, episodes: int, seed: int) -> np.ndarray:
    """Play whole episodes. Returns the scores, float64 [E]."""
    simulation = Simulation(mission, episodes, "cpu", seed)
    agents = mission.num_agents
    seeds = mix_seeds(simulation.state.world_seed, agents, POLICY_STREAM)
    for step in range(mission.max_steps):
        seen = simulation.observations.flatten(0, 1)
        answer = unpacked.act(seen, seeds if step == 0 else None)
        simulation.step(answer["actions"].view(-1, agents))
    return simulation.score().double().numpy()


def mean_probability(scores: np.ndarray, told: Score) -> float:
    """How probable so different means are, if all episodes are of one policy (Welch's test)."""
    difference = scores.mean() - told.mean
    return t_interval(difference, [error_term(scores), error_term(told.each)], 0.95)["p"]


def spread_probability(scores: np.ndarray, told: Score) -> float:
    """How probable so different distances from the median are, if all episodes are of one policy: a
    permutation test (Good 2005), after Brown and Forsythe (1974)."""
    each = np.array(told.each, dtype=float)
    middle = np.median(np.concatenate([scores, each]))
    return permutation_p_value(np.abs(scores - middle), np.abs(each - middle))
