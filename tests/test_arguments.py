"""Where arguments may stand on the command line."""

import argparse
import itertools

import pytest

from daf.cli import commands
from daf.cli.parser import Parser


def parsed(*arguments: str) -> argparse.Namespace:
    parser = Parser()
    subparsers = parser.add_subparsers(required=True)
    for add in commands.COMMANDS:
        add(subparsers)
    return parser.parse_args(arguments)


TRAIN = (
    ("mine.py:Net@runs/w.safetensors",),
    ("--missions", "assembler_1", "halls/x.yaml@3"),
    ("--set", "gamma=0.9", "shaping={a: 1}"),
    ("--training-seeds", "1", "2"),
    ("--steps", "9"),
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(5))))
def test_any_order_means_the_same(order):
    found = parsed("train", *(word for part in order for word in TRAIN[part]))
    assert found.policy == "mine.py:Net@runs/w.safetensors"
    assert found.missions == ["assembler_1", "halls/x.yaml@3"]
    assert found.set == ["gamma=0.9", "shaping={a: 1}"]
    assert (found.training_seeds, found.steps) == ([1, 2], 9)


@pytest.mark.parametrize("words, policies", [
    ("--missions assembler_1 stateless", ["stateless"]),
    ("--missions assembler_1 my.package.Net lstm@w", ["my.package.Net", "lstm@w"]),
    ("noop --missions assembler_1 random --jobs 2 baseline", ["noop", "random", "baseline"]),
    ("--name x noop --missions assembler_1", ["noop"]),
    ("--missions=assembler_1 noop", ["noop"]),
    ("--missions assembler_1 -- noop", ["noop"]),
])  # fmt: skip
def test_policies_after_missions(words, policies):
    found = parsed("compare", *words.split())
    assert (found.policies, found.missions) == (policies, ["assembler_1"])


def test_options_that_are_repeated_add_up():
    assert parsed("compare", "noop", "--missions", "a", "--missions", "b").missions == ["a", "b"]


def test_a_folder_after_what_is_trusted():
    found = parsed("audit", "--trust", "mine.py:A", "mine.py:B", "results", "--share", "0")
    assert (found.results, found.trust) == ("results", ["mine.py:A", "mine.py:B"])


@pytest.mark.parametrize("words, said", [
    ("compare --missions noop", "the following arguments are required: policies"),
    ("train --missions assembler_1 --steps 9", "the following arguments are required: policy"),
    ("train lstm --missions assembler_1 noop --steps 9", "unrecognized arguments: noop"),
    ("train lstm --missions a --steps 9 --training-seeds x", "invalid int value: 'x'"),
])  # fmt: skip
def test_mistakes_are_told(words, said, capsys):
    with pytest.raises(SystemExit):
        parsed(*words.split())
    assert said in capsys.readouterr().err
