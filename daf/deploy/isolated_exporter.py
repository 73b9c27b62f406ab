"""Script that exports the network of an unpacked bundle; `export.py` runs it in a process.

Arguments: folder of the bundle, program to write, outputs to write (of the program on the golden
observations). The script imports only modules of the bundle.
"""

import sys
from collections.abc import Callable, Sequence

import safetensors.torch
import torch

NetworkFunction = Callable[[torch.Tensor, torch.Tensor], Sequence[torch.Tensor]]
"""Function from observations and recurrent state to logits, values and the next state."""


class NetworkStep(torch.nn.Module):
    """One step of a network.

    Inputs: observations uint8 [N, T, 3] and recurrent state float32 [N, M]. Outputs: logits [N, K],
    values [N] and the next recurrent state.
    """

    def __init__(self, policy: torch.nn.Module):
        super().__init__()
        self.policy = policy

    def forward(
        self, observations: torch.Tensor, recurrent_state: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Compute one step; see the class."""
        used = observations[None, :, : self.policy.num_tokens]
        # Not `len`, which torch.export treats as a constant.
        episode_starts = torch.zeros((1, observations.shape[0]), dtype=torch.bool)
        logits, values, recurrent_state = self.policy(used, recurrent_state, episode_starts)
        return logits[0], values[0], recurrent_state


@torch.no_grad()
def export_network(bundle_folder: str, program_file: str, golden_outputs_file: str) -> None:
    """Export the network, load the program, and run it on the golden observations.

    Args:
        bundle_folder: folder of the unpacked bundle.
        program_file: path of the .pt2 or .onnx file to write.
        golden_outputs_file: path of the safetensors file for the outputs.
    """
    sys.path.insert(0, bundle_folder)
    torch.set_num_threads(1)
    import play

    from daf.files.tensors import load_tensors

    policy = play.load()
    golden = load_tensors(f"{bundle_folder}/golden.safetensors")
    observations = golden["observations"]
    recurrent_state = policy.initial_recurrent_state(observations.shape[1])
    rows = torch.export.Dim("rows", min=1)
    # Two rows at least: torch.export treats a size of 1 as a constant.
    example_rows = torch.cat([observations[0], observations[0]])
    exported = torch.export.export(
        NetworkStep(policy),
        (example_rows, policy.initial_recurrent_state(len(example_rows))),
        dynamic_shapes=({0: rows}, {0: rows}),
    )
    if program_file.endswith(".onnx"):
        save_onnx(exported, program_file)
        network = load_onnx(program_file)
    else:
        torch.export.save(exported, program_file)
        network = torch.export.load(program_file).module()
    logits, values = [], []
    for step_observations in observations:
        step_logits, step_values, recurrent_state = network(step_observations, recurrent_state)
        logits.append(step_logits)
        values.append(step_values)
    stacked = {"logits": torch.stack(logits), "values": torch.stack(values)}
    safetensors.torch.save_file(stacked, golden_outputs_file)


def save_onnx(exported: torch.export.ExportedProgram, onnx_file: str) -> None:
    """Write an exported network as ONNX."""
    torch.onnx.export(
        exported,
        (),
        onnx_file,
        dynamo=True,
        verbose=False,
        external_data=False,
        input_names=["observations", "recurrent_state"],
        output_names=["logits", "values", "next_recurrent_state"],
    )


def load_onnx(program_file: str) -> NetworkFunction:
    """Return a function that runs an ONNX program in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(program_file, options)

    def run(observations: torch.Tensor, recurrent_state: torch.Tensor) -> list[torch.Tensor]:
        inputs = {
            "observations": observations.numpy(),
            "recurrent_state": recurrent_state.numpy(),
        }
        return [torch.from_numpy(output) for output in session.run(None, inputs)]

    return run


if __name__ == "__main__":
    export_network(*sys.argv[1:])
