"""The network of an unpacked bundle as a program of torch.export, in a process of its own; at the
other end is `export.py`.

Run as a script with the folder of the bundle, and the files to write: the program, and what it
makes of the golden observations. It imports nothing of DAF but what the bundle has.
"""

import sys

import safetensors.torch
import torch


class Step(torch.nn.Module):
    """One step of a network: observations uint8 [N, T, 3] and memory float32 [N, M] in; logits
    [N, K], values [N] and memory out."""

    def __init__(self, policy: torch.nn.Module):
        super().__init__()
        self.policy = policy

    def forward(self, observations, memory):
        seen = observations[None, :, : self.policy.num_tokens]
        # Not `len`, which torch.export would take for a constant.
        never = torch.zeros((1, observations.shape[0]), dtype=torch.bool)
        logits, values, memory = self.policy(seen, memory, never)
        return logits[0], values[0], memory


@torch.no_grad()
def export(folder: str, program: str, outputs: str) -> None:
    """Write the program, read it back, and let it see the golden observations."""
    sys.path.insert(0, folder)
    torch.set_num_threads(1)
    import play

    from daf.files.tensors import load_tensors

    policy = play.load()
    golden = load_tensors(f"{folder}/golden.safetensors")
    observations = golden["observations"]
    memory = policy.initial_recurrent_state(observations.shape[1])
    rows = torch.export.Dim("rows", min=1)
    exported = torch.export.export(
        Step(policy), (observations[0], memory), dynamic_shapes=({0: rows}, {0: rows})
    )
    torch.export.save(exported, program)
    again = torch.export.load(program).module()
    logits, values = [], []
    for seen in observations:
        step_logits, step_values, memory = again(seen, memory)
        logits.append(step_logits)
        values.append(step_values)
    found = {"logits": torch.stack(logits), "values": torch.stack(values)}
    safetensors.torch.save_file(found, outputs)


if __name__ == "__main__":
    export(*sys.argv[1:])
