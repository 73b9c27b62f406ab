"""Script that serves the policy of an unpacked bundle; `isolated_process.py` is its client.

Argument: folder of the bundle. The script imports only modules of the bundle. Each message is its
length and a safetensors file. Requests: observations, and seeds at the start of an episode.
Responses: actions, with logits and values of the network.
"""

import os
import sys
from typing import Any

import safetensors.torch
import torch

LENGTH_BYTES = 8


def serve_policy(bundle_folder: str) -> None:
    """Respond to requests until the end of the input.

    Args:
        bundle_folder: folder of the unpacked bundle.
    """
    responses = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # prints of the policy's code must not mix with the responses
    sys.path.insert(0, bundle_folder)
    torch.set_num_threads(1)
    import play

    policy = play.load()
    outputs: dict[str, torch.Tensor] = {}
    policy.register_forward_hook(
        lambda _, __, result: outputs.update(logits=result[0][0], values=result[1][0])
    )
    state: Any = None
    while length := sys.stdin.buffer.read(LENGTH_BYTES):
        request = safetensors.torch.load(sys.stdin.buffer.read(int.from_bytes(length, "little")))
        if "seeds" in request:
            state = policy.initial_state(request["seeds"])
        actions, state = policy.act(request["observations"], state)
        response = {"actions": actions.to(torch.int64), **outputs}
        content = safetensors.torch.save({k: v.detach().contiguous() for k, v in response.items()})
        responses.write(len(content).to_bytes(LENGTH_BYTES, "little") + content)
        responses.flush()


if __name__ == "__main__":
    serve_policy(sys.argv[1])
