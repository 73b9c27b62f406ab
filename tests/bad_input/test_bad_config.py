"""Complete messages for invalid `config.yaml` files."""

import pytest
import yaml

from daf.config import BenchmarkConfig
from daf.config.plain_data import parse_yaml
from daf.config.yaml12 import dump_yaml

GOOD = "policies: [random]\nmissions: [assembler_1]\n"
KEYS = (
    "audit, comparison, evaluation, execution, missing, missions, name, policies, teams, "
    "training, training_seeds"
)
TRAINING_KEYS = (
    "anneal, anneal_steps, checkpoint_every, clip, critic, curriculum, end_at_ceiling, "
    "entropy_coef, epochs, evaluate_episodes, evaluate_every, evaluate_greedy, "
    "final_teacher_share, gae_lambda, gamma, initial_weights, "
    "keep_best, learning_rate, max_grad_norm, minibatches, missions, precision, reference_kl_coef, "
    "reference_kl_steps, rollout_length, shaping, steps, stop_when, teacher, "
    "teacher_share_steps, teacher_steps, "
    "value_coef, value_warmup_steps, world_shares, worlds"
)
NAME = "expected 1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit"
AMBIGUOUS = (
    "differs between YAML 1.1 and YAML 1.2; write a decimal number, true or false, or put it in "
    "quotes"
)
TOO_LARGE = (
    "too much data; expected at most 100000 values, nested at most 40 levels deep "
    "(each use of an alias counts)"
)


def tens(name: str, of: str) -> str:
    return f"{name}: &{name} [{', '.join([of] * 10)}]\n"


INVALID = {
    # unknown and missing keys
    "top key": (GOOD + "polices: [random]\n",
        f"unknown key 'polices'; did you mean 'policies'? accepted: {KEYS}"),
    "misspelt required key": ("polices: [random]\nmissions: [assembler_1]\n",
        f"unknown key 'polices'; did you mean 'policies'? accepted: {KEYS} (and 1 more)"),
    "key far from all": (GOOD + "xyz: 1\n", f"unknown key 'xyz'; accepted: {KEYS}"),
    "critic": (GOOD + "training: {critic: teams}\n",
        "key 'training.critic': got \"teams\"; did you mean 'team'? accepted: own, team"),
    "precision": (GOOD + "training: {precision: float16}\n",
        "key 'training.precision': got \"float16\"; did you mean 'bfloat16'? "
        "accepted: float32, bfloat16"),
    "training key": (GOOD + "training: {learning_rat: 1}\n",
        "unknown key 'training.learning_rat'; did you mean 'learning_rate'? "
        f"accepted: {TRAINING_KEYS}"),
    "evaluation key": (GOOD + "evaluation: {episode: 3}\n",
        "unknown key 'evaluation.episode'; did you mean 'episodes'? "
        "accepted: episodes, recorded_episodes, seed"),
    "key of a policy": ("policies: [{class_path: lstm, init_kwarg: {}}]\nmissions: [assembler_1]\n",
        "unknown key 'policies.0.init_kwarg'; did you mean 'init_kwargs'? "
        "accepted: class_path, data_path, data_paths, init_kwargs, name, train, training"),
    "key is a number": (GOOD + "3: 4\n",
        "got the key 3; expected text; put it in quotes"),
    "key is an on": (GOOD + "training: {shaping: {on: 1}}\n",
        f"not valid YAML at line 3, column 22: on {AMBIGUOUS}"),
    "octal": (GOOD + "evaluation: {episodes: 010}\n",
        f"not valid YAML at line 3, column 24: 010 {AMBIGUOUS}"),
    "sexagesimal": (GOOD + "evaluation: {episodes: 1:30}\n",
        f"not valid YAML at line 3, column 24: 1:30 {AMBIGUOUS}"),
    "underscores": (GOOD + "training: {steps: 1_000_000}\n",
        f"not valid YAML at line 3, column 19: 1_000_000 {AMBIGUOUS}"),
    "key twice": (GOOD + "missions: [assembler_2]\n",
        "not valid YAML at line 3, column 1: duplicate key 'missions'"),
    "no missions": ("policies: [random]\n",
        "key 'missions' is missing; required: policies, missions"),
    "policy without class": ("policies: [{name: a}]\nmissions: [assembler_1]\n",
        "key 'policies.0.class_path' is missing; required: class_path"),
    "empty file": ("",
        "key 'policies' is missing; required: policies, missions (and 1 more)"),
    "only a comment": ("# nothing\n",
        "key 'policies' is missing; required: policies, missions (and 1 more)"),
    "key of the teams": (GOOD + "teams: {crossplay: true}\n",
        "unknown key 'teams.crossplay'; did you mean 'cross_play'? "
        "accepted: cross_play, mixed, replacement"),
    "a team of one": (GOOD + "teams: {mixed: [{random: 1}]}\n",
        "key 'teams.mixed.0': got {\"random\": 1}; expected at least 2 items"),
    "a share of nothing": (GOOD + "teams: {mixed: [{random: 1, noop: 0}]}\n",
        "key 'teams.mixed.0.noop': got 0; expected a value > 0"),
    "a share that is none": (GOOD + "teams: {mixed: [{random: 1, noop: .nan}]}\n",
        "key 'teams.mixed.0.noop': got nan; expected a finite number"),
    # wrong types
    "a list": ("- random\n", 'got ["random"]; expected a mapping of keys'),
    "a word": ("random\n", 'got "random"; expected a mapping of keys'),
    "text for a number": (GOOD + "evaluation: {episodes: many}\n",
        "key 'evaluation.episodes': got \"many\"; expected a whole number"),
    "quoted number": (GOOD + 'evaluation: {episodes: "3"}\n',
        "key 'evaluation.episodes': got \"3\"; expected a whole number"),
    "text for a rate": (GOOD + "training: {learning_rate: fast}\n",
        "key 'training.learning_rate': got \"fast\"; expected a number"),
    "float for an int": (GOOD + "evaluation: {episodes: 2.5}\n",
        "key 'evaluation.episodes': got 2.5; expected a whole number"),
    "bool for an int": (GOOD + "training: {steps: true}\n",
        "key 'training.steps': got true; expected a whole number"),
    "yes for true": (GOOD + "training: {anneal: yes}\n",
        f"not valid YAML at line 3, column 20: yes {AMBIGUOUS}"),
    "bool for a rate": (GOOD + "training: {learning_rate: true}\n",
        "key 'training.learning_rate': got true; expected a number"),
    "bool in a list": (GOOD + "training_seeds: [1, true]\n",
        "key 'training_seeds.1': got true; expected a whole number"),
    "text for a bool": (GOOD + "training: {anneal: maybe}\n",
        "key 'training.anneal': got \"maybe\"; expected true or false"),
    "list for a mapping": (GOOD + "training: [1]\n",
        "key 'training': got [1]; expected a mapping of keys to values"),
    "null for a mapping": (GOOD + "training:\n",
        "key 'training': got null; expected a mapping of keys to values"),
    "text for missions": ("policies: [random]\nmissions: assembler_2\n",
        "key 'missions': got \"assembler_2\"; expected a list"),
    "text for policies": ("policies: random\nmissions: [assembler_1]\n",
        "key 'policies': got \"random\"; expected a list"),
    "number for a mission": ("policies: [random]\nmissions: [1]\n",
        "key 'missions.0': got 1; expected text or a mapping of keys to values"),
    "number for a policy": ("policies: [3]\nmissions: [assembler_1]\n",
        "key 'policies.0': got 3; expected text or a mapping of keys to values"),
    "date": ("policies: [{class_path: lstm, init_kwargs: {x: !!timestamp 2020-01-01}}]\n"
        "missions: [a]\n",
        "key 'policies.0.init_kwargs.x': got datetime.date(2020, 1, 1); "
        "expected text, a number, true or false, a list or a mapping"),
    # values out of range
    "no policies": ("policies: []\nmissions: [assembler_1]\n",
        "key 'policies': got []; expected at least 1 item"),
    "no seeds": (GOOD + "training_seeds: []\n",
        "key 'training_seeds': got []; expected at least 1 item"),
    "negative steps": (GOOD + "training: {steps: -1}\n",
        "key 'training.steps': got -1; expected a value >= 1"),
    "zero steps": (GOOD + "training: {steps: 0}\n",
        "key 'training.steps': got 0; expected a value >= 1"),
    "rate is NaN": (GOOD + "training: {learning_rate: .nan}\n",
        "key 'training.learning_rate': got nan; expected a finite number"),
    "rate is infinite": (GOOD + "training: {learning_rate: .inf}\n",
        "key 'training.learning_rate': got inf; expected a finite number"),
    "rate is too long to be finite": (GOOD + "training: {learning_rate: 1e400}\n",
        "key 'training.learning_rate': got inf; expected a finite number"),
    "confidence in percent": (GOOD + "comparison: {confidence: 95}\n",
        "key 'comparison.confidence': got 95; expected a value < 1"),
    "margin of nothing": (GOOD + "comparison: {equivalence_margin: 0}\n",
        "key 'comparison.equivalence_margin': got 0; expected a value > 0"),
    "solved above the ceiling": (GOOD + "comparison: {solved_share: 1.1}\n",
        "key 'comparison.solved_share': got 1.1; expected a value <= 1"),
    "same mission twice": ("policies: [random]\nmissions: [assembler_1, assembler_1]\n",
        'key \'missions\': got ["assembler_1", "assembler_1"]; '
        "expected unique values; 'assembler_1' is repeated"),
    "same seed twice": (GOOD + "training_seeds: [4, 5, 4]\n",
        "key 'training_seeds': got [4, 5, 4]; expected unique values; 4 is repeated"),
    "fewer worlds than missions": (GOOD + "training: {worlds: 1, missions: [a, b]}\n",
        "key 'training': worlds: got 1; expected at least 2, one per training mission"),
    # names become folders, patterns and HTML
    "name with a slash": (GOOD + "name: a/b\n", f"key 'name': got \"a/b\"; {NAME}"),
    "name is ..": (GOOD + "name: ..\n", f"key 'name': got \"..\"; {NAME}"),
    "name is HTML": (GOOD + "name: <b>x</b>\n", f"key 'name': got \"<b>x</b>\"; {NAME}"),
    "name with a line end": (GOOD + 'name: "ab\\n"\n', f"key 'name': got \"ab\\n\"; {NAME}"),
    "name too long": (GOOD + f"name: {'n' * 65}\n", f"key 'name': got \"{'n' * 65}\"; {NAME}"),
    "policy name": ("policies: [{class_path: random, name: ../x}]\nmissions: [assembler_1]\n",
        f"key 'policies.0.name': got \"../x\"; {NAME}"),
    # broken or hostile YAML
    "tab": ("policies:\n\t- random\n",
        "not valid YAML at line 2, column 1: found character '\\t' that cannot start any token"),
    "no such date": (GOOD + "name: !!timestamp 2020-13-45\n",
        'not valid YAML at line 3, column 7: "2020-13-45" is not a valid value'),
    "code to run": (GOOD + 'name: !!python/object/apply:os.system ["ls"]\n',
        "not valid YAML at line 3, column 7: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/object/apply:os.system'"),
    "control character": ("policies: \x07\n",
        "not valid YAML: special characters are not allowed"),
    "NUL": ('policies: ["a\\0b"]\nmissions: [assembler_1]\n',
        "key 'policies.0': got 'a\\x00b'; expected text without NUL characters"),
    "aliases of aliases": (tens("a", "x") + tens("b", "*a") + tens("c", "*b") + tens("d", "*c")
        + tens("e", "*d") + tens("f", "*e") + tens("g", "*f") + tens("h", "*g"), TOO_LARGE),
    "alias of itself": ("policies: &a [*a]\n", TOO_LARGE),
    "very deep": ("name: " + "[" * 3000 + "]" * 3000, "nested more than 40 levels deep"),
}  # fmt: skip


@pytest.mark.parametrize("name", INVALID)
def test_message(name, tmp_path, refused):
    text, message = INVALID[name]
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert refused(BenchmarkConfig.from_yaml, path) == f"{path}: {message}"


def test_huge_number_is_shortened(tmp_path, refused):
    path = tmp_path / "config.yaml"
    path.write_text(GOOD + f"training: {{steps: 0x{'f' * 5000}}}\n")
    line = refused(BenchmarkConfig.from_yaml, path)
    assert line.startswith(f"{path}: key 'training.steps': got ")
    assert line.endswith("; expected a whole number of at most 64 bits")
    assert len(line) < len(str(path)) + 200


def test_yaml_error_has_a_position(tmp_path, refused):
    path = tmp_path / "config.yaml"
    path.write_text("policies: [random\nmissions: 1\n")
    line = refused(BenchmarkConfig.from_yaml, path)
    assert line.startswith(f"{path}: not valid YAML at line 2, column 9: expected ',' or ']'")


def test_missing_file(tmp_path, refused):
    path = tmp_path / "nowhere.yaml"
    line = refused(BenchmarkConfig.from_yaml, path)
    assert line == f"{path}: cannot be read (No such file or directory)"


def test_folder_instead_of_file(tmp_path, refused):
    line = refused(BenchmarkConfig.from_yaml, tmp_path)
    assert line == f"{tmp_path}: cannot be read (Is a directory)"


def test_not_utf_8(tmp_path, refused):
    path = tmp_path / "config.yaml"
    path.write_bytes(GOOD.encode() + b'name: "\xff"\n')
    assert refused(BenchmarkConfig.from_yaml, path) == f"{path}: not a text file in UTF-8"


def test_too_large(tmp_path, refused):
    path = tmp_path / "config.yaml"
    path.write_bytes(b"# " + b"x" * 4 * 1024 * 1024)
    assert refused(BenchmarkConfig.from_yaml, path) == f"{path}: larger than 4194304 bytes"


@pytest.mark.parametrize("text", ["1e-3", "1.0e-3", "0.001", "1E-3", "+1e-3"])
def test_spellings_of_a_learning_rate(text, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(GOOD + f"training: {{learning_rate: {text}}}\n")
    assert BenchmarkConfig.from_yaml(path).training.learning_rate == 0.001


@pytest.mark.parametrize("text, value", [
    ("1e3", 1000.0), (".5", 0.5), ("0o17", 15), ("0x1F", 31), ("2020-01-01", "2020-01-01"),
    ("'010'", "010"), ("'no'", "no"), ("~", None), ("True", True), ("=", "="), ("1.2.3", "1.2.3"),
])  # fmt: skip
def test_yaml_1_2(text, value):
    assert parse_yaml(f"a: {text}", "test") == {"a": value}


@pytest.mark.parametrize("value", [
    "1e-3", "010", "0o17", "yes", "2020-01-01", "1:30", "1_0", ".5", "null", "~", "", 1e-5, 1e22,
])  # fmt: skip
def test_dump_yaml_round_trip(value):
    """Both YAML versions read it equally; Snakemake uses YAML 1.1."""
    text = dump_yaml({"a": value})
    assert parse_yaml(text, "test") == yaml.safe_load(text) == {"a": value}
