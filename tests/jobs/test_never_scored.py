"""Warning about trainings without any score."""

import math

import pytest

from daf.jobs.never_scored import describe_never_scored, has_never_scored


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.0, 0.0], True),
        ([math.nan, 0.0, None], True),
        ([-1.0], True),
        ([0.0, 0.01], False),
        ([math.nan, None], False),  # no episode finished
        ([], False),
    ],
)
def test_has_never_scored(scores, expected):
    assert has_never_scored(scores) is expected
    assert (describe_never_scored("lstm-s1", scores) is not None) is expected


def test_warning_names_what_helps():
    text = describe_never_scored("lstm-s1", [0.0])
    assert text is not None and text.startswith("lstm-s1: ") and "\n" not in text
    for key in ("training.shaping", "training.teacher", "curriculum"):
        assert key in text
    assert "docs/how-to/a_policy_that_never_scores.md" in text


@pytest.mark.parametrize(
    ("scores", "eval_scores", "expected"),
    [
        ([math.nan], [0.0, math.nan], True),  # the run is shorter than an episode
        ([], [0.0], True),
        ([math.nan], [math.nan], False),
        ([0.0], [0.5], False),
        ([0.5], [0.0], False),
    ],
)
def test_evaluations_count_too(scores, eval_scores, expected):
    assert has_never_scored(scores, eval_scores) is expected
    assert (describe_never_scored("lstm-s1", scores, eval_scores) is not None) is expected
