"""The simulator against recordings of the reference engine, byte for byte.

More recordings can be checked with DAF_RECORDINGS=/folder/of/json/and/npz.
"""

import contextlib
import copy
import json
import os
from pathlib import Path

import numpy as np
import pytest

from daf.config import ConfigError
from daf.missions.formations import recipe_by_neighbor_byte
from daf.sim.parity import mission_of, simulate

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
    meta, recorded = load(path)
    played = simulate(meta, {name: recorded[name] for name in INPUTS}, device=device)
    assert sorted(played) == sorted(OUTPUTS)
    for name in OUTPUTS:
        assert played[name].dtype == recorded[name].dtype, name
        assert played[name].shape == recorded[name].shape, name
        assert played[name].tobytes() == recorded[name].tobytes(), name


def test_there_are_recordings():
    assert len(RECORDINGS) >= 23


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recording_is_reproduced(path):
    assert_reproduced(path, "cpu")


@pytest.mark.gpu
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recording_is_reproduced_on_cuda(path):
    assert_reproduced(path, "cuda")


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recipe_tables_are_those_of_the_engine(path):
    meta, _ = load(path)
    stations = mission_of(meta).stations
    for name, station in meta["config"]["objects"].items():
        if name in stations and "table" in station:
            table = recipe_by_neighbor_byte(stations[name])
            assert [-1 if n is None else n for n in table] == station["table"], name


def refusal(meta, *keys, value):
    """What is said of a recording that has another value, or one more, at these keys."""
    changed = copy.deepcopy(meta)
    place = changed
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    with pytest.raises(ConfigError) as refused:
        mission_of(changed)
    assert str(refused.value).startswith(f"recording {meta['name']}: ")
    return str(refused.value)


CONFIG = ("config",)
ACTIONS = ("config", "actions")
AGENT = ("config", "agent")
OBJECTS = ("config", "objects")
REFUSED = [
    # costs that a mission does not have
    ((*ACTIONS, "move", "consumed", "energy"), 2.5, "actions.move.consumed.energy': got 2.5"),
    ((*ACTIONS, "move", "consumed", "energy"), -1.0, "actions.move.consumed.energy': got -1"),
    ((*ACTIONS, "move", "consumed", "energy"), 256.0, "actions.move.consumed.energy': got 256"),
    ((*ACTIONS, "move", "consumed", "carbon"), 1.0, "unknown key 'actions.move.consumed.carbon'"),
    ((*ACTIONS, "move", "required"), {"energy": 3}, "unknown key 'actions.move.required'"),
    ((*ACTIONS, "noop", "consumed"), {"energy": 1.0}, "key 'actions.noop.consumed'"),
    ((*ACTIONS, "change_glyph", "consumed"), {"heart": 1.0}, "key 'actions.change_glyph.consumed'"),
    ((*ACTIONS, "attack"), {}, "unknown key 'actions.attack'"),
    # settings that are always the same
    ((*CONFIG, "allow_diagonals"), True, "key 'allow_diagonals': got true; only false"),
    ((*CONFIG, "resource_loss_prob"), 0.1, "key 'resource_loss_prob': got 0.1; only 0"),
    ((*CONFIG, "recipe_details_obs"), True, "key 'recipe_details_obs'"),
    ((*CONFIG, "global_obs", "visitation_counts"), True, "key 'global_obs.visitation_counts'"),
    ((*CONFIG, "global_obs", "last_reward"), 1, "key 'global_obs.last_reward'"),
    ((*CONFIG, "global_obs", "compass"), True, "unknown key 'global_obs.compass'"),
    ((*CONFIG, "resource_names"), ["energy"], "key 'resource_names'"),
    ((*CONFIG, "weather"), "rain", "unknown key 'weather'"),
    ((*AGENT, "shareable_resources"), ["energy", "heart"], "key 'agent.shareable_resources'"),
    ((*AGENT, "freeze_duration"), 3, "unknown key 'agent.freeze_duration'"),
    ((*AGENT, "initial_inventory"), {"energy": 1.5}, "key 'agent.initial_inventory.energy'"),
    ((*OBJECTS, "wall", "type_id"), 9, "key 'objects.wall.type_id': got 9; only 1"),
    ((*OBJECTS, "wall", "swappable"), True, "key 'objects.wall.swappable'"),
    ((*OBJECTS, "fence"), {"kind": "wall", "type_id": 1}, "'fence' cannot be the name of a wall"),
    ((*OBJECTS, "charger", "tags"), ["red"], "unknown key 'objects.charger.tags'"),
    ((*OBJECTS, "charger", "kind"), "oven", "key 'objects.charger.kind': got \"oven\""),
    ((*OBJECTS, "charger", "partial_usage"), 1, "unknown key 'objects.charger.partial_usage'"),
    ((*OBJECTS, "charger", "recipes", 0, "in"), {"energy": 0.5}, "recipes.0.in.energy': got 0.5"),
    ((*OBJECTS, "charger", "recipes", 0, "xp"), 1, "unknown key 'objects.charger.recipes.0.xp'"),
    ((*OBJECTS, "charger", "table"), [0] * 256, "key 'objects.charger.table'"),
    ((*OBJECTS, "chest", "position_deltas"), [["N", 1], ["N", 2]], "no position twice"),
    ((*OBJECTS, "chest", "position_deltas"), [["up", 1]], "objects.chest.position_deltas.0.0"),
    ((*CONFIG, "clipper"), None, "key 'clipper'"),
    ((*CONFIG, "clipper", "unclipping_recipes", 0, "in"), {"oil": 1}, "oil"),
    ((*CONFIG, "clipper", "scope"), "all", "unknown key 'clipper.scope'"),
    # what contradicts the map
    ((*CONFIG, "num_agents"), 9, "key 'config.num_agents': got 9; the map has 4"),
    (("height",), 3, "key 'height': got 3; the map has 17"),
    (("legend", "@"), "agent.red", "key 'legend.@': unknown object \"agent.red\""),
    (("legend", "."), "floor", "key 'legend..': unknown object \"floor\""),
]


@pytest.mark.parametrize(("keys", "value", "said"), REFUSED, ids=lambda value: str(value)[:40])
def test_a_setting_the_simulator_lacks_is_refused_by_name(keys, value, said):
    meta, _ = load(FILES["t01_open_room_harvest.json"])
    assert said in refusal(meta, *keys, value=value)


def paths(value, keys=()):
    """The keys that lead to every mapping and value of plain data."""
    yield keys
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*keys, key))


def test_every_key_of_a_configuration_decides_something_or_is_refused():
    meta, _ = load(FILES["u14_regen7_penalty.json"])
    mission = mission_of(meta)
    silent = []
    for keys in paths(meta["config"]):
        changed = copy.deepcopy(meta)
        *above, last = ("config", *keys)
        place = changed
        for key in above:
            place = place[key]
        value = place[last]
        if isinstance(value, dict):
            value["something_else"] = 1
        elif isinstance(value, (int, float)):
            place[last] = not value if isinstance(value, bool) else value + 1
        else:
            place[last] = "x" if isinstance(value, str) else [*value[:-1], "x"]
        with contextlib.suppress(ConfigError):
            if mission_of(changed) == mission:
                silent.append(keys)
    assert silent == []


WRONG_ARRAYS = {
    "order": (lambda a: np.zeros_like(a), "every agent once"),
    "actions": (lambda a: a.astype(np.int64) + 2**32, "from -2147483648 to 2147483647"),
    "intervened": (lambda a: a[:5], "integers \\[120, 4\\] are needed"),
    "inv_pre": (lambda a: a.astype(np.float32), "got float32"),
}


@pytest.mark.parametrize("name", WRONG_ARRAYS)
def test_arrays_that_no_recording_has_are_refused(name):
    meta, recorded = load(FILES["u16_initial_over_limits.json"])
    change, said = WRONG_ARRAYS[name]
    inputs = {other: recorded[other] for other in INPUTS}
    with pytest.raises(ConfigError, match=f"array '{name}': .*{said}"):
        simulate(meta, inputs | {name: change(recorded[name])})
    with pytest.raises(ConfigError, match="key 'clip_order': should be some order of"):
        simulate(meta | {"clip_order": [1, 2]}, inputs)
