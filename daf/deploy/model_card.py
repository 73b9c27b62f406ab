"""Model card of a bundle: intended use, training, scores, limitations."""

import json

from daf.deploy.contents import PolicyDescription, Score
from daf.deploy.golden import TOLERANCE
from daf.deploy.sources import FOREIGN_MODULE

TEMPLATE = """# {name}

A policy with {parameters:,} weights for the game "Cogs vs Clips", trained with DAF {daf}.

## Intended use

The policy controls the agents of {missions}. For each agent and step it maps an observation to one
of the {num_actions} actions of the game; it uses the first {num_outputs}. An observation is
uint8 [{num_tokens}, 3]: tokens (location, feature, value) of a window of {height} x {width} cells,
with 255 as padding. `policy.json` names features and actions.

## Training

{training}

- class: `{class_path}`, arguments `{init_kwargs}`
- weights: SHA-256 `{weights}`
- {versions}

## Scores

Hearts in communal chests per episode: mean over worlds drawn from seed {seed}, with its
{confidence:g} % confidence interval. The scores are of these weights, not of the training method.

| mission | mean | interval | episodes |
|---|---|---|---|
{rows}

## Limitations

- The policy was evaluated only on the missions above.
- The weights require the window, features and type ids in `policy.json`.
- Actions are sampled; equal seeds give equal actions.
- The observation of its agent is the only input of the policy.

## Run

Requirements: Python 3.11 or newer, torch and safetensors. DAF is not required. In the folder of the
unpacked bundle:

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

With DAF: `PolicySpec(class_path="bundle", data_path="FILE.zip"{trust})`.

## Verify

`daf bundle verify FILE.zip` compares SHA-256 digests with `manifest.json`. It then replays the
{steps} golden steps on {golden} in a new process, with the files of the bundle only. Actions must
be equal, logits and values within {tolerance:g}. `--evaluate 64` runs 64 new episodes per mission
and compares their scores.

## License

The code is that of DAF, Apache-2.0 (https://www.apache.org/licenses/LICENSE-2.0){foreign}. The
weights belong to their author; DAF claims no rights in them.
"""

TRAINED_TEXT = """Trained with PPO on {missions} for {steps:,} agent-steps, training seed {seed},
with these settings:

```json
{settings}
```
"""

UNKNOWN_TRAINING_TEXT = """The weights are from a file; their training is unknown."""


def render_model_card(description: PolicyDescription, num_logits: int) -> str:
    """Return the text of model_card.md; the order of keys in policy.json does not affect it.

    Args:
        description: content of policy.json.
        num_logits: number of logits of the network.
    """
    is_foreign = description.class_path.startswith(f"{FOREIGN_MODULE}:")
    scores, versions = sorted(description.scores.items()), sorted(description.versions.items())
    return TEMPLATE.format(
        name=description.name,
        parameters=sum(_num_elements(shape) for shape in description.shapes.values()),
        daf=description.versions["daf"],
        missions=", ".join(sorted(description.scores)),
        num_actions=description.game.num_actions,
        num_outputs=num_logits,
        num_tokens=description.game.num_tokens,
        height=description.game.window[0],
        width=description.game.window[1],
        training=_format_training_text(description),
        class_path=description.class_path,
        init_kwargs=json.dumps(description.init_kwargs, sort_keys=True),
        weights=description.provenance.weights,
        versions=", ".join(f"{name} {version}" for name, version in versions),
        seed=description.evaluation_seed,
        confidence=100 * description.confidence,
        rows="\n".join(_format_score_row(mission, score) for mission, score in scores),
        trust=', init_kwargs={"trust": True}' if is_foreign else "",
        steps=description.golden.steps,
        golden=description.golden.mission,
        tolerance=TOLERANCE,
        foreign=f"; `{FOREIGN_MODULE}.py` is its author's" if is_foreign else "",
    )


def _format_training_text(description: PolicyDescription) -> str:
    run = description.training
    if run is None:
        return UNKNOWN_TRAINING_TEXT
    return TRAINED_TEXT.format(
        missions=", ".join(description.trained_on),
        steps=run["steps"],
        seed=run["training_seed"],
        settings=json.dumps(run["training"], indent=2, sort_keys=True),
    ).rstrip()


def _format_score_row(mission_name: str, score: Score) -> str:
    interval = "" if score.low is None else f"{score.low:.2f} to {score.high:.2f}"
    note = f" ({score.note})" if score.note else ""
    return f"| {mission_name} | {score.mean:.2f} | {interval}{note} | {score.episodes} |"


def _num_elements(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size
