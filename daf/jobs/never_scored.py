"""Warning about a training run in which no episode scored."""

import math
from collections.abc import Iterable

DOCUMENTATION = "docs/how-to/a_policy_that_never_scores.md"


def has_never_scored(
    scores: Iterable[float | None], eval_scores: Iterable[float | None] = ()
) -> bool:
    """Return True if episodes finished, and none of them scored above 0.

    Args:
        scores: mean score of the episodes that finished in each update; NaN or None without any.
        eval_scores: mean scores of evaluations during training; NaN or None without one. They
            tell it also of a run that is shorter than an episode.
    """
    both = (*scores, *eval_scores)
    finished = [score for score in both if score is not None and not math.isnan(score)]
    return bool(finished) and max(finished) <= 0


def describe_never_scored(
    run_label: str,
    scores: Iterable[float | None],
    eval_scores: Iterable[float | None] = (),
) -> str | None:
    """Return a warning that names what helps if no episode of a run scored; None otherwise.

    Args:
        run_label: name of the run, or of its policy.
        scores: mean score of the episodes that finished in each update; NaN or None without any.
        eval_scores: mean scores of evaluations during training; NaN or None without one.
    """
    is_warned = has_never_scored(scores, eval_scores)
    return format_never_scored(run_label) if is_warned else None


def format_never_scored(run_label: str) -> str:
    """Return the warning that a run, or a policy, never scored, and what helps."""
    return (
        f"{run_label}: no episode scored in the whole training; "
        "try training.shaping, training.teacher, or a curriculum that begins with a simpler "
        f"mission ({DOCUMENTATION})"
    )
