"""The policy of an unpacked bundle in a process of its own; at the other end is `process.py`.

Run as a script, with the folder as its argument; it imports nothing of DAF but what the bundle has.
Messages are safetensors behind their length: seeds (where an episode begins) and observations in,
actions out, and the logits and values they were drawn from.
"""

import os
import sys

import safetensors.torch
import torch

LENGTH_BYTES = 8


def serve(folder: str) -> None:
    """Answer until there are no more questions."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the policy's code prints must not get between the answers
    sys.path.insert(0, folder)
    torch.set_num_threads(1)
    import play

    policy = play.load()
    outputs: dict[str, torch.Tensor] = {}
    policy.register_forward_hook(
        lambda _, __, result: outputs.update(logits=result[0][0], values=result[1][0])
    )
    state = None
    while length := sys.stdin.buffer.read(LENGTH_BYTES):
        asked = safetensors.torch.load(sys.stdin.buffer.read(int.from_bytes(length, "little")))
        if "seeds" in asked:
            state = policy.initial_state(asked["seeds"])
        actions, state = policy.act(asked["observations"], state)
        found = {"actions": actions.to(torch.int64), **outputs}
        content = safetensors.torch.save({k: v.detach().contiguous() for k, v in found.items()})
        answers.write(len(content).to_bytes(LENGTH_BYTES, "little") + content)
        answers.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
