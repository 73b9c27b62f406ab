"""Shipped configuration, defaults, and YAML round trips."""

import re
from pathlib import Path

import pydantic
import pytest
import yaml

from daf.config import (
    BenchmarkConfig,
    ConfigError,
    TrainingConfig,
    load_yaml,
    short_json,
    suggest_choice,
)

FILE = Path(__file__).parents[2] / "config" / "config.yaml"
LINES = FILE.read_text(encoding="utf-8").splitlines()
MINIMAL = {"policies": ["random"], "missions": ["assembler_1"]}


def dotted_keys(data: dict, above: str = "") -> list[str]:
    """Return the dotted names of all keys except those that hold a section."""
    collected = []
    for key, value in data.items():
        inner = above == "" and key in (
            "training",
            "evaluation",
            "comparison",
            "teams",
            "missing",
            "audit",
            "execution",
        )
        collected += dotted_keys(value, f"{key}.") if inner else [above + key]
    return collected


def flat_values(config: BenchmarkConfig) -> dict:
    data = config.resolved()
    return {key: _value_at(data, key) for key in dotted_keys(data)}


def _value_at(data, key):
    for part in key.split("."):
        data = data[part]
    return data


def comments_by_key() -> dict[str, str]:
    """Return the comment above each key of config.yaml, up to the last empty line."""
    collected, comment_lines, parent = {}, [], ""
    for line in LINES:
        key = re.match(r"( *)(\w+):( .*)?$", line)
        if not line.strip():
            comment_lines, parent = [], ""
        elif line.strip().startswith("#"):
            comment_lines.append(line.strip(" #"))
        elif key and not key[3] and not comment_lines:
            parent = f"{key[2]}."
        elif key:
            collected[parent + key[2] if key[1] else key[2]] = " ".join(comment_lines)
    return collected


LEFT_OUT_AT_DEFAULT = {
    f"training.{key}"
    for key in (
        "critic",
        "reference_kl_coef",
        "reference_kl_steps",
        "value_warmup_steps",
        "world_shares",
    )
}
"""Keys that results omit at their default."""


def test_shipped_config_is_valid_and_complete():
    config = BenchmarkConfig.from_yaml(FILE)
    keys = set(dotted_keys(yaml.safe_load(FILE.read_text())))
    assert keys == set(flat_values(config)) | LEFT_OUT_AT_DEFAULT


def test_every_key_has_a_comment():
    comment_lines = comments_by_key()
    for key in dotted_keys(yaml.safe_load(FILE.read_text())):
        assert len(comment_lines[key]) > 10, key


def test_shipped_values_are_defaults_except_marked():
    shipped = flat_values(BenchmarkConfig.from_yaml(FILE))
    defaults = flat_values(BenchmarkConfig.parse(MINIMAL, "minimal"))
    differ = {key for key in shipped if shipped[key] != defaults[key]}
    marked = {key for key, comment in comments_by_key().items() if "(default: " in comment}
    assert differ - {"policies", "missions"} <= marked


def test_documented_defaults():
    config = BenchmarkConfig.parse(MINIMAL, "minimal")
    assert config.name == "benchmark"
    assert config.training_seeds == (1, 2, 3, 4, 5)
    assert (config.evaluation.episodes, config.evaluation.seed) == (64, 0)
    assert config.comparison.confidence == 0.95
    assert config.training.missions == ()
    assert config.training.shaping == {}
    assert (config.policies[0].data_path, config.policies[0].init_kwargs) == (None, {})


def test_policy_short_form_equals_long_form():
    long = BenchmarkConfig.parse({**MINIMAL, "policies": [{"class_path": "random"}]}, "long")
    assert long == BenchmarkConfig.parse(MINIMAL, "short")


@pytest.mark.parametrize("source", ["shipped", "minimal"])
def test_resolved_round_trip(source, tmp_path):
    config = (
        BenchmarkConfig.from_yaml(FILE)
        if source == "shipped"
        else BenchmarkConfig.parse(MINIMAL, "minimal")
    )
    path = tmp_path / "again.yaml"
    path.write_text(yaml.safe_dump(config.resolved()))
    again = BenchmarkConfig.from_yaml(path)
    assert again == config
    assert again.resolved() == config.resolved()


def test_configuration_is_immutable():
    config = BenchmarkConfig.parse(MINIMAL, "minimal")
    with pytest.raises(pydantic.ValidationError):
        config.name = "other"
    with pytest.raises(pydantic.ValidationError):
        config.training.steps = 1


@pytest.mark.parametrize("key, low, high", [
    ("steps", 1, None), ("worlds", 1, 1_000_000), ("rollout_length", 1, 100_000),
    ("epochs", 1, 100), ("minibatches", 1, None), ("gamma", 0, 1), ("gae_lambda", 0, 1),
    ("value_coef", 0, None), ("entropy_coef", 0, None), ("learning_rate", 1e-9, 1),
    ("clip", 1e-9, 1), ("max_grad_norm", 1e-9, None),
])  # fmt: skip
def test_training_ranges(key, low, high):
    assert getattr(TrainingConfig.parse({key: low}, "low"), key) == low
    with pytest.raises(ConfigError):
        TrainingConfig.parse({key: low - 1}, "below")
    if high is not None:
        assert getattr(TrainingConfig.parse({key: high}, "high"), key) == high
        with pytest.raises(ConfigError):
            TrainingConfig.parse({key: high + 1}, "above")


def test_empty_yaml_is_empty_mapping(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert load_yaml(tmp_path / "empty.yaml") == {}


def test_yaml_anchors_merges_and_bom(tmp_path):
    path = tmp_path / "anchors.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: [*a, *a]\n")
    mapping = {"x": 1, "y": 2}
    assert load_yaml(path) == {"a": mapping, "b": {"x": 1, "y": 3}, "c": [mapping, mapping]}


def test_suggest():
    assert suggest_choice("lstmm", ["lstm", "noop"]) == "did you mean 'lstm'? accepted: lstm, noop"
    assert suggest_choice("q", ["lstm", "noop"]) == "accepted: lstm, noop"
    assert suggest_choice("q", []) == "accepted: none"


def test_short_json_is_one_line():
    assert short_json("a\nb") == '"a\\nb"'
    assert len(short_json("x" * 1000)) == 80
    assert short_json([1, None, True]) == "[1, null, true]"


def test_config_error_is_one_line():
    assert str(ConfigError("two\nlines\r\n and\ttabs\u2028")) == "two lines and tabs"
