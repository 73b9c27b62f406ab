"""Exported bundles: equal logits in plain torch, and 1000 steps in mettagrid without DAF."""

import json
import os
import subprocess
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from daf.__main__ import main
from daf.config import ConfigError
from daf.mettagrid.bundled.network import Network
from daf.mettagrid.exporting import NETWORKS, export_mettagrid_bundle
from daf.missions import load_mission
from daf.policies import Game, PolicySpec, make_policy
from daf.sim.simulation import Simulation

MISSION = load_mission("training_facility_1")
GAME = Game.of(MISSION)
KWARGS = {"hidden_size": 16, "glyphs": 2}
ROLLOUT = Path(__file__).with_name("rollout.py")


@pytest.fixture(params=["stateless", "lstm", "mingru"])
def exported(request, tmp_path):
    """A network, its weights file and its bundle."""
    policy = make_policy(PolicySpec(request.param, init_kwargs=KWARGS), GAME, seed=4)
    generator = torch.Generator().manual_seed(4)
    torch.nn.init.orthogonal_(policy.actor.weight, 1.0, generator)  # far from uniform
    weights = tmp_path / "policy.safetensors"
    policy.save(weights, KWARGS)
    bundle = tmp_path / "bundle.zip"
    export_mettagrid_bundle(
        bundle, class_path=request.param, weights_path=str(weights), missions=[MISSION]
    )
    return policy, str(weights), bundle


def random_observations(steps, num_worlds=3):
    """Yield observations uint8 [E * A, T, 3] under random actions."""
    simulation = Simulation(MISSION, num_worlds, seed=3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        yield simulation.observations.flatten(0, 1).clone()
        simulation.step(torch.randint(0, 7, (num_worlds, 4), generator=generator))


def read_bundle(bundle):
    """Return specification, weights and member names of a bundle."""
    with zipfile.ZipFile(bundle) as archive:
        spec = json.loads(archive.read("policy_spec.json"))
        with archive.open("weights.pt") as file:
            weights = torch.load(file, weights_only=True)
        return spec, weights, archive.namelist()


def test_plain_torch_network_has_equal_logits(exported):
    policy, _, bundle = exported
    spec, weights, _ = read_bundle(bundle)
    network = Network(**spec["init_kwargs"]["network"])
    network.load_state_dict(weights)
    state = torch.zeros(12, network.recurrent_state_size)
    expected_state = policy.initial_recurrent_state(12)
    for step, observations in enumerate(random_observations(20)):
        episode_starts = torch.full((1, 12), step == 0)
        with torch.no_grad():
            expected, _, expected_state = policy(observations[None], expected_state, episode_starts)
            logits, state = network(observations, state)
        torch.testing.assert_close(logits, expected[0])
        torch.testing.assert_close(state, expected_state)


def test_bundle_is_self_contained_and_reproducible(exported, tmp_path):
    policy, weights, bundle = exported
    _, _, names = read_bundle(bundle)
    assert {"policy_spec.json", "weights.pt", "daf_policy/policy.py"} <= set(names)
    with zipfile.ZipFile(bundle) as archive:
        for name in names:
            assert not name.endswith(".py") or b"import daf" not in archive.read(name)
            assert not name.endswith(".py") or b"from daf" not in archive.read(name)
    name = NETWORKS[type(policy)]
    export_mettagrid_bundle(
        tmp_path / "second.zip", class_path=name, weights_path=weights, missions=[MISSION]
    )
    assert (tmp_path / "second.zip").read_bytes() == bundle.read_bytes()


def run_command(monkeypatch, capsys, *arguments):
    """Return exit status, output and error output of `daf mettagrid`."""
    monkeypatch.setattr("sys.argv", ["daf", "mettagrid", *arguments])
    return main(), *capsys.readouterr()


def test_export_command(exported, tmp_path, monkeypatch, capsys):
    policy, weights, bundle = exported
    name = NETWORKS[type(policy)]
    target = tmp_path / "new.zip"
    export = ["export", f"{name}@{weights}", str(target), "--missions", "training_facility_1"]
    assert run_command(monkeypatch, capsys, *export)[:2] == (
        0,
        f"{target}: {name} for training_facility_1\n",
    )
    assert target.read_bytes() == bundle.read_bytes()
    export[1] = name
    status, _, error = run_command(monkeypatch, capsys, *export)
    assert status == 1 and f"{name}@FILE" in error
    export[1] = f"random@{weights}"
    status, _, error = run_command(monkeypatch, capsys, *export)
    assert status == 1 and error.startswith("error: policy 'random'")


def test_only_networks_of_daf_can_be_exported(tmp_path):
    source = tmp_path / "mine.py"
    source.write_text("from daf.policies.stateless import Stateless\nclass Mine(Stateless): pass\n")
    spec = PolicySpec(f"{source}:Mine", init_kwargs=KWARGS)
    make_policy(spec, GAME).save(tmp_path / "w", KWARGS)
    with pytest.raises(ConfigError, match="accepted: lstm, mingru, stateless"):
        export_mettagrid_bundle(
            tmp_path / "x.zip",
            class_path=spec.class_path,
            weights_path=str(tmp_path / "w"),
            missions=[MISSION],
        )


@pytest.mark.mettagrid
def test_exported_and_imported_policy_has_equal_logits(exported):
    """Observations pass through mettagrid's format and back."""
    policy, _, bundle = exported
    imported = make_policy(PolicySpec(f"mettagrid:{bundle}"), GAME)
    worlds, _, _ = imported.initial_state(torch.arange(4))
    daf_policy = worlds[0].policy
    assert worlds[0].has_step_batch
    expected_state = policy.initial_recurrent_state(4)
    for step, observations in enumerate(random_observations(20, num_worlds=1)):
        episode_starts = torch.full((1, 4), step == 0)
        with torch.no_grad():
            expected, _, expected_state = policy(observations[None], expected_state, episode_starts)
        logits = daf_policy.compute_logits(
            imported._convert_tokens(observations.numpy()), slice(0, 4)
        )
        torch.testing.assert_close(logits, expected[0])


@pytest.mark.mettagrid
def test_step_and_step_batch_are_equal(exported):
    _, _, bundle = exported
    imported = make_policy(PolicySpec(f"mettagrid:{bundle}"), GAME)
    worlds, _, _ = imported.initial_state(torch.arange(8))
    batched, single = worlds[0].policy, worlds[1].policy
    agents = [single.agent_policy(number) for number in range(4)]
    for observations in random_observations(5, num_worlds=1):
        tokens = imported._convert_tokens(observations.numpy())
        actions = np.zeros(4, dtype=np.int32)
        torch.manual_seed(1)
        batched.step_batch(tokens, actions)
        for number, agent in enumerate(agents):
            agent.step(imported._observation(number, tokens[number]))
        torch.testing.assert_close(batched._recurrent_state, single._recurrent_state)
    agents[2].reset()
    assert not single._recurrent_state[2].any()


@pytest.mark.slow
@pytest.mark.mettagrid
def test_bundle_runs_in_mettagrid_without_daf(exported, tmp_path):
    python = os.environ.get("DAF_METTAGRID_PYTHON")
    if python is None:
        venv.create(tmp_path / "venv", with_pip=True)
        python = str(tmp_path / "venv" / "bin" / "python")
        requirements = ["mettagrid==0.26.22", f"torch=={torch.__version__.partition('+')[0]}"]
        install = [python, "-m", "pip", "install", "--quiet", *requirements]
        subprocess.run(install, check=True, timeout=1800)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [python, "-I", str(ROLLOUT), str(exported[2])],
        capture_output=True,
        text=True,
        timeout=600,
        env=environment,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["daf"] is None and result["steps"] == 1000
    assert result["moves"] > 200 and result["timeouts"] == [0] * 4
