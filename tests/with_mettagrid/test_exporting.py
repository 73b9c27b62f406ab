"""Our policies as bundles: the same logits in plain torch, and 1000 steps in the real mettagrid
where there is no DAF."""

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
from daf.mettagrid.exporting import export
from daf.missions import load_mission
from daf.policies import Game, PolicySpec, make_policy
from daf.sim.simulation import Simulation

MISSION = load_mission("training_facility_1")
GAME = Game.of(MISSION)
KWARGS = {"hidden_size": 16, "glyphs": 2}
ROLLOUT = Path(__file__).with_name("rollout.py")


@pytest.fixture(params=["stateless", "lstm"])
def trained(request, tmp_path):
    """A network, as a file of weights and as a bundle."""
    policy = make_policy(PolicySpec(request.param, init_kwargs=KWARGS), GAME, seed=4)
    draw = torch.Generator().manual_seed(4)
    torch.nn.init.orthogonal_(policy.actor.weight, 1.0, draw)  # it has its preferences
    weights = tmp_path / "policy.safetensors"
    policy.save(weights, KWARGS)
    bundle = tmp_path / "bundle.zip"
    export(bundle, class_path=request.param, weights=str(weights), missions=[MISSION])
    return policy, str(weights), bundle


def played(steps, worlds=3):
    """Observations uint8 [E * A, T, 3] of random play, step by step."""
    simulation = Simulation(MISSION, worlds, seed=3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        yield simulation.observations.flatten(0, 1).clone()
        simulation.step(torch.randint(0, 7, (worlds, 4), generator=generator))


def unpacked(bundle):
    with zipfile.ZipFile(bundle) as archive:
        spec = json.loads(archive.read("policy_spec.json"))
        with archive.open("weights.pt") as file:
            weights = torch.load(file, weights_only=True)
        return spec, weights, archive.namelist()


def test_plain_torch_gives_the_same_logits(trained):
    policy, _, bundle = trained
    spec, weights, _ = unpacked(bundle)
    network = Network(**spec["init_kwargs"]["network"])
    network.load_state_dict(weights)
    memory = torch.zeros(12, network.memory_size)
    own = policy.initial_recurrent_state(12)
    for step, seen in enumerate(played(20)):
        starts = torch.full((1, 12), step == 0)
        with torch.no_grad():
            expected, _, own = policy(seen[None], own, starts)
            logits, memory = network(seen, memory)
        torch.testing.assert_close(logits, expected[0])
        torch.testing.assert_close(memory, own)


def test_a_bundle_has_all_it_needs_and_equal_bytes(trained, tmp_path):
    policy, weights, bundle = trained
    _, _, names = unpacked(bundle)
    assert {"policy_spec.json", "weights.pt", "daf_policy/player.py"} <= set(names)
    with zipfile.ZipFile(bundle) as archive:
        for name in names:
            assert not name.endswith(".py") or b"import daf" not in archive.read(name)
            assert not name.endswith(".py") or b"from daf" not in archive.read(name)
    name = "lstm" if "lstm.weight_ih_l0" in policy.state_dict() else "stateless"
    export(tmp_path / "again.zip", class_path=name, weights=weights, missions=[MISSION])
    assert (tmp_path / "again.zip").read_bytes() == bundle.read_bytes()


def told(monkeypatch, capsys, *arguments):
    """What a command leaves: exit status, output, error output."""
    monkeypatch.setattr("sys.argv", ["daf", "mettagrid", *arguments])
    return main(), *capsys.readouterr()


def test_the_command_exports(trained, tmp_path, monkeypatch, capsys):
    policy, weights, bundle = trained
    name = "lstm" if "lstm.weight_ih_l0" in policy.state_dict() else "stateless"
    target = tmp_path / "new.zip"
    export = ["export", f"{name}@{weights}", str(target), "--missions", "training_facility_1"]
    assert told(monkeypatch, capsys, *export)[:2] == (
        0,
        f"{target}: {name} for training_facility_1\n",
    )
    assert target.read_bytes() == bundle.read_bytes()
    export[1] = name
    status, _, error = told(monkeypatch, capsys, *export)
    assert status == 1 and f"write {name}@FILE" in error
    export[1] = f"random@{weights}"
    status, _, error = told(monkeypatch, capsys, *export)
    assert status == 1 and error.startswith("error: policy 'random'")


def test_only_networks_of_ours_can_be_exported(tmp_path):
    source = tmp_path / "mine.py"
    source.write_text("from daf.policies.stateless import Stateless\nclass Mine(Stateless): pass\n")
    spec = PolicySpec(f"{source}:Mine", init_kwargs=KWARGS)
    make_policy(spec, GAME).save(tmp_path / "w", KWARGS)
    with pytest.raises(ConfigError, match="accepted: lstm, stateless"):
        export(
            tmp_path / "x.zip",
            class_path=spec.class_path,
            weights=str(tmp_path / "w"),
            missions=[MISSION],
        )


@pytest.mark.mettagrid
def test_there_and_back_again_it_sees_the_same(trained):
    """Exported, and imported into our simulator: through mettagrid's words to the same logits."""
    policy, _, bundle = trained
    imported = make_policy(PolicySpec(f"mettagrid:{bundle}"), GAME)
    worlds, _, _ = imported.initial_state(torch.arange(4))
    player = worlds[0].policy
    assert worlds[0].batched
    own = policy.initial_recurrent_state(4)
    for step, seen in enumerate(played(20, worlds=1)):
        starts = torch.full((1, 4), step == 0)
        with torch.no_grad():
            expected, _, own = policy(seen[None], own, starts)
        logits = player.logits(imported._observed(seen.numpy()), slice(0, 4))
        torch.testing.assert_close(logits, expected[0])


@pytest.mark.mettagrid
def test_agent_by_agent_is_the_same_as_all_at_once(trained):
    _, _, bundle = trained
    imported = make_policy(PolicySpec(f"mettagrid:{bundle}"), GAME)
    worlds, _, _ = imported.initial_state(torch.arange(8))
    batched, single = worlds[0].policy, worlds[1].policy
    agents = [single.agent_policy(number) for number in range(4)]
    for seen in played(5, worlds=1):
        tokens = imported._observed(seen.numpy())
        chosen = np.zeros(4, dtype=np.int32)
        torch.manual_seed(1)
        batched.step_batch(tokens, chosen)
        for number, agent in enumerate(agents):
            agent.step(imported._observation(number, tokens[number]))
        torch.testing.assert_close(batched._memory, single._memory)
    agents[2].reset()
    assert not single._memory[2].any() and not single._memory[2:3].any()


@pytest.mark.slow
@pytest.mark.mettagrid
def test_mettagrid_runs_it_where_there_is_no_daf(trained, tmp_path):
    python = os.environ.get("DAF_METTAGRID_PYTHON")
    if python is None:
        venv.create(tmp_path / "venv", with_pip=True)
        python = str(tmp_path / "venv" / "bin" / "python")
        wanted = ["mettagrid==0.26.22", f"torch=={torch.__version__.partition('+')[0]}"]
        install = [python, "-m", "pip", "install", "--quiet", *wanted]
        subprocess.run(install, check=True, timeout=1800)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [python, "-I", str(ROLLOUT), str(trained[2])],
        capture_output=True,
        text=True,
        timeout=600,
        env=environment,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["daf"] is None and told["steps"] == 1000
    assert told["moves"] > 200 and told["timeouts"] == [0] * 4
