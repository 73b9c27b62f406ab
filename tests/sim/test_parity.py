"""Byte-exact comparison of the simulator with recordings of the reference engine.

DAF_RECORDINGS=FOLDER adds the recordings (JSON and NPZ files) of a folder.
"""

import contextlib
import copy
import json
import os
from pathlib import Path

import numpy as np
import pytest

from daf.config import ConfigError
from daf.missions.formations import recipe_index_by_neighbor_mask
from daf.sim.parity import replay_recording
from daf.sim.recorded_mission import mission_from_recording

FOLDERS = [Path(__file__).parent / "recordings"]
if "DAF_RECORDINGS" in os.environ:
    FOLDERS.append(Path(os.environ["DAF_RECORDINGS"]))
FILES = {path.name: path for folder in FOLDERS for path in folder.glob("*.json")}
RECORDINGS = sorted(FILES.values(), key=lambda path: path.name)
INPUTS = ("order", "actions", "intervened", "inv_pre")
OUTPUTS = ("obs", "rewards", "terminals", "truncations", "success", "agents", "stations")


def load(path):
    arrays = np.load(path.with_suffix(".npz"))
    return json.loads(path.read_text()), {name: arrays[name] for name in arrays.files}


def assert_reproduced(path, device):
    metadata, recorded = load(path)
    simulated = replay_recording(metadata, {name: recorded[name] for name in INPUTS}, device=device)
    assert sorted(simulated) == sorted(OUTPUTS)
    for name in OUTPUTS:
        assert simulated[name].dtype == recorded[name].dtype, name
        assert simulated[name].shape == recorded[name].shape, name
        assert simulated[name].tobytes() == recorded[name].tobytes(), name


def test_recordings_exist():
    assert len(RECORDINGS) >= 23


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recordings_are_reproduced(path):
    assert_reproduced(path, "cpu")


@pytest.mark.gpu
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recordings_are_reproduced_on_cuda(path):
    assert_reproduced(path, "cuda")


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recipe_tables_equal_the_engine(path):
    metadata, _ = load(path)
    stations = mission_from_recording(metadata).stations
    for name, station in metadata["config"]["objects"].items():
        if name in stations and "table" in station:
            table = recipe_index_by_neighbor_mask(stations[name])
            assert [-1 if n is None else n for n in table] == station["table"], name


def recording_error(metadata, *keys, value):
    """Return the error of a recording with a changed or additional value."""
    changed = copy.deepcopy(metadata)
    mapping = changed
    for key in keys[:-1]:
        mapping = mapping[key]
    mapping[keys[-1]] = value
    with pytest.raises(ConfigError) as error:
        mission_from_recording(changed)
    assert str(error.value).startswith(f"recording {metadata['name']}: ")
    return str(error.value)


CONFIG = ("config",)
ACTIONS = ("config", "actions")
AGENT = ("config", "agent")
OBJECTS = ("config", "objects")
UNSUPPORTED = [
    # unsupported costs
    ((*ACTIONS, "move", "consumed", "energy"), 2.5, "actions.move.consumed.energy': got 2.5"),
    ((*ACTIONS, "move", "consumed", "energy"), -1.0, "actions.move.consumed.energy': got -1"),
    ((*ACTIONS, "move", "consumed", "energy"), 256.0, "actions.move.consumed.energy': got 256"),
    ((*ACTIONS, "move", "consumed", "carbon"), 1.0, "unknown key 'actions.move.consumed.carbon'"),
    ((*ACTIONS, "move", "required"), {"energy": 3}, "unknown key 'actions.move.required'"),
    ((*ACTIONS, "noop", "consumed"), {"energy": 1.0}, "key 'actions.noop.consumed'"),
    ((*ACTIONS, "change_glyph", "consumed"), {"heart": 1.0}, "key 'actions.change_glyph.consumed'"),
    ((*ACTIONS, "attack"), {}, "unknown key 'actions.attack'"),
    # settings with a single supported value
    ((*CONFIG, "allow_diagonals"), True, "key 'allow_diagonals': got true; expected false"),
    ((*CONFIG, "resource_loss_prob"), 0.1, "key 'resource_loss_prob': got 0.1; expected 0"),
    ((*CONFIG, "recipe_details_obs"), True, "key 'recipe_details_obs'"),
    ((*CONFIG, "global_obs", "visitation_counts"), True, "key 'global_obs.visitation_counts'"),
    ((*CONFIG, "global_obs", "last_reward"), 1, "key 'global_obs.last_reward'"),
    ((*CONFIG, "global_obs", "compass"), True, "unknown key 'global_obs.compass'"),
    ((*CONFIG, "resource_names"), ["energy"], "key 'resource_names'"),
    ((*CONFIG, "weather"), "rain", "unknown key 'weather'"),
    ((*AGENT, "shareable_resources"), ["energy", "heart"], "key 'agent.shareable_resources'"),
    ((*AGENT, "freeze_duration"), 3, "unknown key 'agent.freeze_duration'"),
    ((*AGENT, "initial_inventory"), {"energy": 1.5}, "key 'agent.initial_inventory.energy'"),
    ((*OBJECTS, "wall", "type_id"), 9, "key 'objects.wall.type_id': got 9; expected 1"),
    ((*OBJECTS, "wall", "swappable"), True, "key 'objects.wall.swappable'"),
    ((*OBJECTS, "fence"), {"kind": "wall", "type_id": 1}, "'fence' is not a valid name of a wall"),
    ((*OBJECTS, "charger", "tags"), ["red"], "unknown key 'objects.charger.tags'"),
    ((*OBJECTS, "charger", "kind"), "oven", "key 'objects.charger.kind': got \"oven\""),
    ((*OBJECTS, "charger", "partial_usage"), 1, "unknown key 'objects.charger.partial_usage'"),
    ((*OBJECTS, "charger", "recipes", 0, "in"), {"energy": 0.5}, "recipes.0.in.energy': got 0.5"),
    ((*OBJECTS, "charger", "recipes", 0, "xp"), 1, "unknown key 'objects.charger.recipes.0.xp'"),
    ((*OBJECTS, "charger", "table"), [0] * 256, "key 'objects.charger.table'"),
    ((*OBJECTS, "chest", "position_deltas"), [["N", 1], ["N", 2]], "position at most once"),
    ((*OBJECTS, "chest", "position_deltas"), [["up", 1]], "objects.chest.position_deltas.0.0"),
    ((*CONFIG, "clipper"), None, "key 'clipper'"),
    ((*CONFIG, "clipper", "unclipping_recipes", 0, "in"), {"oil": 1}, "oil"),
    ((*CONFIG, "clipper", "scope"), "all", "unknown key 'clipper.scope'"),
    # contradictions to the map
    ((*CONFIG, "num_agents"), 9, "key 'config.num_agents': got 9; expected 4"),
    (("height",), 3, "key 'height': got 3; expected 17"),
    (("legend", "@"), "agent.red", "key 'legend.@': unknown object \"agent.red\""),
    (("legend", "."), "floor", "key 'legend..': unknown object \"floor\""),
]


@pytest.mark.parametrize(
    ("keys", "value", "message"), UNSUPPORTED, ids=lambda value: str(value)[:40]
)
def test_unsupported_settings_raise_an_error_with_their_key(keys, value, message):
    metadata, _ = load(FILES["t01_open_room_harvest.json"])
    assert message in recording_error(metadata, *keys, value=value)


def key_paths(value, keys=()):
    """Yield the path of keys of every mapping and value."""
    yield keys
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from key_paths(inner, (*keys, key))


def test_every_key_of_a_configuration_has_an_effect_or_raises_an_error():
    metadata, _ = load(FILES["u14_regen7_penalty.json"])
    mission = mission_from_recording(metadata)
    ignored = []
    for keys in key_paths(metadata["config"]):
        changed = copy.deepcopy(metadata)
        *parents, last = ("config", *keys)
        mapping = changed
        for key in parents:
            mapping = mapping[key]
        value = mapping[last]
        if isinstance(value, dict):
            value["something_else"] = 1
        elif isinstance(value, (int, float)):
            mapping[last] = not value if isinstance(value, bool) else value + 1
        else:
            mapping[last] = "x" if isinstance(value, str) else [*value[:-1], "x"]
        with contextlib.suppress(ConfigError):
            if mission_from_recording(changed) == mission:
                ignored.append(keys)
    assert ignored == []


INVALID_ARRAYS = {
    "order": (lambda a: np.zeros_like(a), "every agent once"),
    "actions": (lambda a: a.astype(np.int64) + 2**32, "from -2147483648 to 2147483647"),
    "intervened": (lambda a: a[:5], "expected integers \\[120, 4\\]"),
    "inv_pre": (lambda a: a.astype(np.float32), "got float32"),
}


@pytest.mark.parametrize("name", INVALID_ARRAYS)
def test_invalid_arrays_raise_an_error(name):
    metadata, recorded = load(FILES["u16_initial_over_limits.json"])
    change, message = INVALID_ARRAYS[name]
    inputs = {array_name: recorded[array_name] for array_name in INPUTS}
    with pytest.raises(ConfigError, match=f"array '{name}': .*{message}"):
        replay_recording(metadata, inputs | {name: change(recorded[name])})
    with pytest.raises(ConfigError, match="key 'clip_order': expected a permutation of"):
        replay_recording(metadata | {"clip_order": [1, 2]}, inputs)
