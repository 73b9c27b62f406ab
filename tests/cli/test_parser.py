"""Order of arguments on the command line."""

import argparse
import itertools

import pytest

from daf.cli import commands
from daf.cli.parser import ListOptionParser


def parse(*arguments: str) -> argparse.Namespace:
    parser = ListOptionParser()
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
def test_order_of_arguments_is_irrelevant(order):
    result = parse("train", *(word for part in order for word in TRAIN[part]))
    assert result.policy == "mine.py:Net@runs/w.safetensors"
    assert result.missions == ["assembler_1", "halls/x.yaml@3"]
    assert result.set == ["gamma=0.9", "shaping={a: 1}"]
    assert (result.training_seeds, result.steps) == ([1, 2], 9)


@pytest.mark.parametrize("words, policies", [
    ("--missions assembler_1 stateless", ["stateless"]),
    ("--missions assembler_1 my.package.Net lstm@w", ["my.package.Net", "lstm@w"]),
    ("noop --missions assembler_1 random --jobs 2 baseline", ["noop", "random", "baseline"]),
    ("--name x noop --missions assembler_1", ["noop"]),
    ("--missions=assembler_1 noop", ["noop"]),
    ("--missions assembler_1 -- noop", ["noop"]),
])  # fmt: skip
def test_policies_after_missions(words, policies):
    result = parse("compare", *words.split())
    assert (result.policies, result.missions) == (policies, ["assembler_1"])


def test_repeated_list_options_accumulate():
    assert parse("compare", "noop", "--missions", "a", "--missions", "b").missions == ["a", "b"]


def test_folder_after_trusted_policies():
    result = parse("audit", "--trust", "mine.py:A", "mine.py:B", "results", "--share", "0")
    assert (result.results, result.trust) == ("results", ["mine.py:A", "mine.py:B"])


@pytest.mark.parametrize("words, message", [
    ("compare --missions noop", "the following arguments are required: policies"),
    ("train --missions assembler_1 --steps 9", "the following arguments are required: policy"),
    ("train lstm --missions assembler_1 noop --steps 9", "unrecognized arguments: noop"),
    ("train lstm --missions a --steps 9 --training-seeds x", "invalid int value: 'x'"),
])  # fmt: skip
def test_error_messages(words, message, capsys):
    with pytest.raises(SystemExit):
        parse(*words.split())
    assert message in capsys.readouterr().err
