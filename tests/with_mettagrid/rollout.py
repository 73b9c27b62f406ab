"""Run a bundle in a mettagrid rollout of 1000 steps: `python -I rollout.py BUNDLE.zip`."""

import importlib.util
import json
import sys
from pathlib import Path

import torch
from mettagrid.config.mettagrid_config import MettaGridConfig
from mettagrid.policy.loader import initialize_or_load_policy
from mettagrid.policy.policy_env_interface import PolicyEnvInterface
from mettagrid.policy.prepare_policy_spec import load_policy_spec_from_path
from mettagrid.simulator.rollout import Rollout

torch.set_num_threads(1)
torch.manual_seed(0)
bundle = Path(sys.argv[1])
config = MettaGridConfig.model_validate(
    {
        "game": {
            "num_agents": 4,
            "max_steps": 1000,
            "resource_names": ["energy", "carbon", "heart", "something_else"],
            "objects": {
                "wall": {"pydantic_type": "wall", "name": "wall"},
                "charger": {
                    "name": "charger",
                    "on_use_handler": {
                        "name": "charge",
                        "mutations": [
                            {
                                "mutation_type": "resource_delta",
                                "target": "actor",
                                "deltas": {"energy": 5},
                            }
                        ],
                    },
                },
            },
            "map_builder": {
                "type": "mettagrid.map_builder.ascii.AsciiMapBuilderConfig",
                "map_data": [
                    "########",
                    "#......#",
                    "#.@.@..#",
                    "#..+...#",
                    "#.@.@..#",
                    "########",
                ],
                "char_to_map_name": {"#": "wall", "+": "charger", "@": "agent.agent", ".": "empty"},
            },
        }
    }
)
spec = load_policy_spec_from_path(bundle, force_dest=Path.cwd() / "unpacked")
interface = PolicyEnvInterface.from_mg_cfg(config)
policy = initialize_or_load_policy(interface, spec)
agents = [policy.agent_policy(number) for number in range(4)]
rollout = Rollout(config, agents)
rollout.run_until_done()
stats = rollout._sim.episode_stats["agent"]
result = {
    "daf": importlib.util.find_spec("daf") and "installed",
    "steps": rollout._sim.current_step,
    "moves": sum(agent.get("action.move.success", 0) for agent in stats),
    "timeouts": rollout.timeout_counts,
}
print(json.dumps(result))
