"""The simulator against recordings of the reference engine, byte for byte.

More recordings can be checked with DAF_RECORDINGS=/folder/of/json/and/npz.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from daf.config import ConfigError
from daf.missions.formations import recipe_of_neighbours
from daf.sim.parity import mission_of, simulate

FOLDERS = [Path(__file__).parent / "recordings"]
if "DAF_RECORDINGS" in os.environ:
    FOLDERS.append(Path(os.environ["DAF_RECORDINGS"]))
RECORDINGS = sorted(path for folder in FOLDERS for path in folder.glob("*.json"))
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
    assert len(RECORDINGS) >= 17


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
            table = recipe_of_neighbours(stations[name])
            assert [-1 if n is None else n for n in table] == station["table"], name


def test_a_setting_the_simulator_lacks_is_refused_by_name():
    meta, _ = load(RECORDINGS[0])
    meta["config"]["allow_diagonals"] = True
    with pytest.raises(ConfigError, match="allow_diagonals"):
        mission_of(meta)
