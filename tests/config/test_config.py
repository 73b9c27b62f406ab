"""The configuration that comes with DAF, and the way from YAML to values and back."""

import re
from pathlib import Path

import pydantic
import pytest
import yaml

from daf.config import BenchmarkConfig, ConfigError, TrainingConfig, load_yaml, short_json, suggest

FILE = Path(__file__).parents[2] / "config" / "config.yaml"
LINES = FILE.read_text(encoding="utf-8").splitlines()
MINIMAL = {"policies": ["random"], "missions": ["assembler_1"]}


def keys_of(data: dict, above: str = "") -> list[str]:
    """Dotted names of all keys that stand in a mapping and hold no mapping of fixed keys."""
    found = []
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
        found += keys_of(value, f"{key}.") if inner else [above + key]
    return found


def values_of(config: BenchmarkConfig) -> dict:
    data = config.resolved()
    return {key: _at(data, key) for key in keys_of(data)}


def _at(data, key):
    for part in key.split("."):
        data = data[part]
    return data


def comments() -> dict[str, str]:
    """For each key of config.yaml the comment lines above it, back to the last empty line."""
    found, said, parent = {}, [], ""
    for line in LINES:
        key = re.match(r"( *)(\w+):( .*)?$", line)
        if not line.strip():
            said, parent = [], ""
        elif line.strip().startswith("#"):
            said.append(line.strip(" #"))
        elif key and not key[3] and not said:
            parent = f"{key[2]}."
        elif key:
            found[parent + key[2] if key[1] else key[2]] = " ".join(said)
    return found


def test_the_file_is_valid_and_complete():
    config = BenchmarkConfig.from_yaml(FILE)
    assert set(keys_of(yaml.safe_load(FILE.read_text()))) == set(values_of(config))


def test_every_key_has_a_comment():
    said = comments()
    for key in keys_of(yaml.safe_load(FILE.read_text())):
        assert len(said[key]) > 10, key


def test_what_is_not_marked_stands_there_with_its_default():
    shipped = values_of(BenchmarkConfig.from_yaml(FILE))
    defaults = values_of(BenchmarkConfig.parse(MINIMAL, "minimal"))
    differ = {key for key in shipped if shipped[key] != defaults[key]}
    marked = {key for key, comment in comments().items() if "(default: " in comment}
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


def test_short_and_long_form_of_a_policy_are_the_same():
    long = BenchmarkConfig.parse({**MINIMAL, "policies": [{"class_path": "random"}]}, "long")
    assert long == BenchmarkConfig.parse(MINIMAL, "short")


@pytest.mark.parametrize("source", ["shipped", "minimal"])
def test_resolved_is_plain_and_comes_back_as_it_was(source, tmp_path):
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


def test_configuration_cannot_be_changed():
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
def test_ranges_of_training(key, low, high):
    assert getattr(TrainingConfig.parse({key: low}, "low"), key) == low
    with pytest.raises(ConfigError):
        TrainingConfig.parse({key: low - 1}, "below")
    if high is not None:
        assert getattr(TrainingConfig.parse({key: high}, "high"), key) == high
        with pytest.raises(ConfigError):
            TrainingConfig.parse({key: high + 1}, "above")


def test_empty_yaml_is_an_empty_mapping(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert load_yaml(tmp_path / "empty.yaml") == {}


def test_yaml_with_anchors_merges_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "anchors.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: [*a, *a]\n")
    one = {"x": 1, "y": 2}
    assert load_yaml(path) == {"a": one, "b": {"x": 1, "y": 3}, "c": [one, one]}


def test_nearest():
    assert suggest("lstmm", ["lstm", "noop"]) == "did you mean 'lstm'? accepted: lstm, noop"
    assert suggest("q", ["lstm", "noop"]) == "accepted: lstm, noop"
    assert suggest("q", []) == "accepted: none"


def test_shown_is_one_short_line():
    assert short_json("a\nb") == '"a\\nb"'
    assert len(short_json("x" * 1000)) == 80
    assert short_json([1, None, True]) == "[1, null, true]"


def test_an_error_is_one_line_whatever_it_is_made_of():
    assert str(ConfigError("two\nlines\r\n and\ttabs\u2028")) == "two lines and tabs"
