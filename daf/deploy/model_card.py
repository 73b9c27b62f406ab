"""The model card of a bundle: what the policy is for, how it was made, its scores, its limits."""

import json

from daf.deploy.contents import PolicyDescription, Score
from daf.deploy.golden import TOLERANCE
from daf.deploy.sources import FOREIGN

TEMPLATE = """# {name}

A policy of {parameters:,} weights for the game "Cogs vs Clips", made by DAF {daf}.

## What it is for

It plays {missions}: for every agent it takes an observation and gives one of the {num_actions}
actions of the game (of which it uses the first {num_outputs}), again and again to the end of an
episode. An observation is uint8 [{num_tokens}, 3]: tokens (location, feature, value) of a window of
{height} x {width} cells, 255 where there is none; `policy.json` names features and actions.

## How it was made

{training}

- class: `{class_path}`, arguments `{init_kwargs}`
- weights: SHA-256 `{weights}`
- {versions}

## How it scores

Hearts in communal chests per episode; the mean over worlds drawn from seed {seed}, and its
{confidence:g} % interval. These numbers are of these weights, and claim nothing about the method.

| mission | mean | interval | episodes |
|---|---|---|---|
{rows}

## Limits

- It has been evaluated on the missions above and on nothing else.
- Its weights are tied to the window, the features and the type ids that `policy.json` names.
- It draws its actions from probabilities; equal seeds give equal actions.
- It knows what its agent sees, and of the other agents only what it sees of them.

## To run it

It needs Python 3.11 or newer, torch and safetensors; no DAF. In the folder of the unpacked bundle:

```python
import torch
from play import load
from safetensors.torch import load_file

policy = load()
observations = load_file("golden.safetensors")["observations"][0]  # uint8 [agents, tokens, 3]
state = policy.initial_state(seeds=torch.arange(len(observations)))
actions, state = policy.act(observations, state)
print(actions.tolist())
```

With DAF it is a policy as any other:
`PolicySpec(class_path="bundle", data_path="FILE.zip"{trust})`.

## To check it

`daf bundle verify FILE.zip` compares the hashes in `manifest.json`, then plays the
{steps} golden steps on {golden} again in a fresh process, from the unpacked files alone: actions
are to be equal, logits and values to {tolerance:g}. With `--evaluate 64` it plays that many
episodes per mission in new worlds and compares the scores.

## Licence

The code is DAF's, Apache-2.0 (https://www.apache.org/licenses/LICENSE-2.0){foreign}. The weights
are the work of whoever trained them; DAF claims no rights in them.
"""

TRAINED_TEXT = """Trained by PPO on {missions} for {steps:,} agent-steps from training seed {seed}, with
these settings:

```json
{settings}
```
"""

UNKNOWN_TRAINING_TEXT = (
    """Its weights were given as a file; how they were trained is not known here."""
)


def model_card(about: PolicyDescription, num_outputs: int) -> str:
    """The text of model_card.md; it follows from the content of policy.json, not from its order."""
    own = not about.class_path.startswith(f"{FOREIGN}:")
    return TEMPLATE.format(
        name=about.name,
        parameters=sum(_size(shape) for shape in about.shapes.values()),
        daf=about.versions["daf"],
        missions=", ".join(sorted(about.scores)),
        num_actions=about.game.num_actions,
        num_outputs=num_outputs,
        num_tokens=about.game.num_tokens,
        height=about.game.window[0],
        width=about.game.window[1],
        training=_training(about),
        class_path=about.class_path,
        init_kwargs=json.dumps(about.init_kwargs, sort_keys=True),
        weights=about.provenance.weights,
        versions=", ".join(f"{name} {version}" for name, version in sorted(about.versions.items())),
        seed=about.evaluation_seed,
        confidence=100 * about.confidence,
        rows="\n".join(_row(mission, score) for mission, score in sorted(about.scores.items())),
        trust="" if own else ', init_kwargs={"trust": True}',
        steps=about.golden.steps,
        golden=about.golden.mission,
        tolerance=TOLERANCE,
        foreign="" if own else f"; `{FOREIGN}.py` is its author's",
    )


def _training(about: PolicyDescription) -> str:
    run = about.training
    if run is None:
        return UNKNOWN_TRAINING_TEXT
    return TRAINED_TEXT.format(
        missions=", ".join(about.trained_on),
        steps=run["steps"],
        seed=run["training_seed"],
        settings=json.dumps(run["training"], indent=2, sort_keys=True),
    ).rstrip()


def _row(mission: str, score: Score) -> str:
    interval = "" if score.low is None else f"{score.low:.2f} to {score.high:.2f}"
    note = f" ({score.note})" if score.note else ""
    return f"| {mission} | {score.mean:.2f} | {interval}{note} | {score.episodes} |"


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size
