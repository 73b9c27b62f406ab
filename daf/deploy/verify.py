"""Verification of a bundle: format, digests, claims, golden outputs and, optionally, scores."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from daf.config import ConfigError
from daf.deploy.archive import MANIFEST, read_archive, write_archive
from daf.deploy.claims import find_contradictions
from daf.deploy.contents import WEIGHTS, Bundle, Score
from daf.deploy.golden import (
    TOLERANCE,
    describe_weight_checksum_mismatches,
    find_first_golden_mismatch,
)
from daf.deploy.isolated_process import BundleProcess
from daf.deploy.sources import list_foreign_code_files
from daf.errors import escape_unprintable
from daf.evaluation.evaluate import POLICY_STREAM
from daf.missions import Mission
from daf.policies.chance import derive_row_seeds
from daf.provenance.hashing import file_digest
from daf.sim.simulation import Simulation
from daf.stats.estimate import compute_error_term, t_interval
from daf.stats.permutation import welch_permutation_p_value
from daf.system.exit_status import ExitStatus

SIGNIFICANCE = 0.001
"""Significance level of the comparison of scores, for all missions together. It is the probability
that the evaluation of a valid bundle fails."""

RESPONSE_MINUTES = 5.0
"""Time limit of one response of a bundle's code, in minutes."""


@dataclass
class Verdict:
    """Result of a verification, one line per item.

    Attributes:
        passed: passed checks.
        problems: failed checks.
        unverifiable: checks that were not possible.
    """

    passed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unverifiable: list[str] = field(default_factory=list)

    @property
    def exit_status(self) -> ExitStatus:
        """Exit status: 0 verified, 1 a check failed, 3 a check was not possible."""
        return 1 if self.problems else 3 if self.unverifiable else 0

    def print_verdict(self, print_line: Callable[[str], None]) -> ExitStatus:
        """Print all lines and return the exit status.

        Args:
            print_line: receiver of each line.
        """
        groups = (
            ("", self.passed),
            ("problem: ", self.problems),
            ("unverifiable: ", self.unverifiable),
        )
        for prefix, lines in groups:
            for line in lines:
                print_line(escape_unprintable(f"{prefix}{line}"))
        print_line({0: "verified", 1: "verification failed", 3: "unverifiable"}[self.exit_status])
        return self.exit_status


def verify_bundle(
    bundle_file: str | Path, *, trust_code: bool = False, episodes_per_mission: int = 0
) -> Verdict:
    """Verify a bundle; each check runs only if the previous ones passed.

    Args:
        bundle_file: path of the zip.
        trust_code: true to run code of the bundle that differs from this DAF's.
        episodes_per_mission: number of new episodes; 0 to skip the comparison of scores.

    Raises:
        ConfigError: the file is not a bundle, or is unsafe to unpack; one line.
    """
    members, problems = read_archive(bundle_file)
    verdict = Verdict(problems=problems)
    if problems:
        return verdict
    verdict.passed.append(f"{len(members)} members match the manifest")
    foreign = list_foreign_code_files(members)
    if foreign and not trust_code:
        verdict.unverifiable.append(
            f"{', '.join(foreign)}: code differs from this DAF's; it runs only with --trust"
        )
        return verdict
    try:
        bundle = Bundle.from_members(members)
        verdict.problems += find_contradictions(bundle) or _find_zip_format_problems(
            bundle_file, members
        )
        if verdict.problems:
            return verdict
        verdict.passed.append("scores, model card and descriptions are consistent")
        with BundleProcess(members, RESPONSE_MINUTES) as process:
            if mismatch := find_first_golden_mismatch(bundle.golden, process):
                verdict.problems.append(mismatch)
            else:
                verdict.problems += describe_weight_checksum_mismatches(
                    bundle.golden, bundle.weights
                )
            if not verdict.problems:
                steps, agents = bundle.golden["actions"].shape
                verdict.passed.append(
                    f"golden outputs: {steps} steps of {agents} agents within {TOLERANCE:g}"
                )
                if bundle.description.provenance.weights != bundle.member_digest(WEIGHTS):
                    verdict.problems.append(f"{WEIGHTS}: SHA-256 differs from policy.json")
            if not verdict.problems and episodes_per_mission:
                _record_score_comparison(bundle, process, episodes_per_mission, verdict)
    except ConfigError as error:
        verdict.problems.append(f"{error}")
    return verdict


def verify_and_print_verdict(
    bundle_file: str,
    trust_code: bool,
    episodes_per_mission: int,
    print_line: Callable[[str], None] = print,
) -> ExitStatus:
    """Verify a bundle, print the verdict and return the exit status; see `verify_bundle`."""
    return verify_bundle(
        bundle_file, trust_code=trust_code, episodes_per_mission=episodes_per_mission
    ).print_verdict(print_line)


def _find_zip_format_problems(bundle_file: str | Path, members: Mapping[str, bytes]) -> list[str]:
    """Return a line if a zip has bytes outside its members."""
    with tempfile.TemporaryDirectory(prefix="daf-bundle-") as folder:
        rewritten = Path(folder, "rewritten.zip")
        write_archive(rewritten, {n: data for n, data in members.items() if n != MANIFEST})
        is_equal = file_digest(rewritten) == file_digest(bundle_file)
    return [] if is_equal else ["the zip is not formatted as DAF writes bundles"]


def _record_score_comparison(
    bundle: Bundle, process: BundleProcess, episodes_per_mission: int, verdict: Verdict
) -> None:
    """Add to the verdict how scores in new worlds compare with the recorded ones.

    The significance level is corrected for the missions and tests (Bonferroni).

    Args:
        bundle: bundle.
        process: process that runs the policy of the bundle.
        episodes_per_mission: number of new episodes per mission.
        verdict: receiver of the results.
    """
    tests = {"means": compute_welch_p_value, "spreads": compute_brown_forsythe_p_value}
    significance = SIGNIFICANCE / (len(tests) * len(bundle.missions))
    for name, mission in bundle.missions.items():
        recorded = bundle.description.scores[name]
        world_seed = bundle.description.evaluation_seed + 1
        scores = _score_new_episodes(mission, process, episodes_per_mission, world_seed)
        line = (
            f"{name}: {scores.mean():.2f} in {episodes_per_mission} new episodes, "
            f"{recorded.mean:.2f} recorded"
        )
        if min(len(scores), recorded.episodes) < 2:
            verdict.unverifiable.append(f"{line}; too few episodes to compare")
            continue
        p_values = {statistic: test(scores, recorded) for statistic, test in tests.items()}
        significant = {s: p for s, p in p_values.items() if p < significance}
        for statistic, p_value in significant.items():
            verdict.problems.append(f"{line}; {statistic} differ (p = {p_value:.1g})")
        if not significant:
            verdict.passed.append(line)


def _score_new_episodes(
    mission: Mission, process: BundleProcess, num_episodes: int, world_seed: int
) -> np.ndarray:
    """Run whole episodes and return their scores, float64 [E]."""
    simulation = Simulation(mission, num_episodes, "cpu", world_seed)
    agents = mission.num_agents
    seeds = derive_row_seeds(simulation.state.world_seed, agents, POLICY_STREAM)
    for step in range(mission.max_steps):
        observations = simulation.observations.flatten(0, 1)
        outputs = process.act(observations, seeds if step == 0 else None)
        simulation.step(outputs["actions"].view(-1, agents))
    return simulation.score().double().numpy()


def compute_welch_p_value(new_scores: np.ndarray, recorded_scores: Score) -> float:
    """Compute the p-value of equal means (Welch's t-test).

    Args:
        new_scores: float64 [E], scores of new episodes, E >= 2.
        recorded_scores: recorded scores of at least 2 episodes.
    """
    difference = new_scores.mean() - recorded_scores.mean
    p = t_interval(
        difference, [compute_error_term(new_scores), compute_error_term(recorded_scores.each)], 0.95
    ).p
    assert p is not None  # both have at least 2 episodes
    return p


def compute_brown_forsythe_p_value(new_scores: np.ndarray, recorded_scores: Score) -> float:
    """Compute the p-value of equal spreads, by distances from the common median.

    It is a permutation test (Good 2005) on the statistic of Brown and Forsythe (1974).

    Args:
        new_scores: float64 [E], scores of new episodes.
        recorded_scores: recorded scores.
    """
    hearts = np.array(recorded_scores.each, dtype=float)
    median = np.median(np.concatenate([new_scores, hearts]))
    return welch_permutation_p_value(np.abs(new_scores - median), np.abs(hearts - median))
