"""Generator of hostile YAML: nested merges and aliases, invalid tags, scalars and files."""

import random
from collections.abc import Iterator

TAGS = ("bool", "int", "float", "null", "timestamp", "binary", "set", "omap", "pairs", "merge",
        "value", "python/name:os.system", "python/object/apply:os.abort")  # fmt: skip
SCALARS = ("maybe", "abc", "''", "1:1", "0x", "1e999", ".inf", "9" * 5000, "[a]", "{a: b}",
           "-", "~", "0b2", "2001-99-99", '"\\ud800"', '"\\0"', "1" + ":1" * 3000)  # fmt: skip


def merges(width: int, depth: int, template: str) -> str:
    """Return mappings, each of which contains the previous one many times."""
    lines = ["a0: &a0 {k: 1}"]
    for level in range(1, depth):
        parts = ", ".join([f"*a{level - 1}"] * width)
        lines.append(f"a{level}: &a{level} " + template.format(parts))
    return "\n".join(lines)


def hostile_yaml(seed: int) -> Iterator[str]:
    """Yield texts that are not configurations, some of them not YAML."""
    chance = random.Random(seed)
    for template in ("{{<<: [{}]}}", "[{}]", "{{x: [{}]}}"):
        yield merges(chance.randint(5, 12), chance.randint(12, 40), template)
    yield "a: &a {<<: *a, b: *a}"
    yield "a: &a [*a]"
    for bracket in ("[", "{a: ", "- ", "? "):
        yield bracket * chance.randint(2000, 20000)
    for tag in TAGS:
        yield f"missions: !!{tag} {chance.choice(SCALARS)}"
    for scalar in SCALARS:
        yield f"policies: {scalar}\npolicies: {scalar}"
        yield f"name: {scalar}"
    yield "x: [" + "a," * 200_000 + "]"
    yield "#" * 5_000_000
