"""Pack the weights of a policy with all that is needed to play it and to know what it is."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import safetensors

from daf.plan import Player
from daf.provenance import file_digest, versions

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member, so that equal content gives equal bytes."""

README = """# {name}

A policy for {missions}, trained by DAF {daf}. Scores are hearts in communal chests per episode.

| mission | mean score | episodes |
|---|---|---|
{rows}

To play it, unpack this file and name class, arguments and weights of `policy.json`:

```python
from daf.policies import PolicySpec

PolicySpec(class_path={class_path!r}, data_path="policy.safetensors", init_kwargs={init_kwargs!r})
```
"""


def pack(
    path: str | Path,
    *,
    player: Player,
    weights: str | Path,
    trained_on: list[str],
    episodes: pd.DataFrame,
) -> None:
    """Write a zip with `policy.safetensors`, `policy.json`, `README.md` and, for a policy defined
    in a file, that file; the same input gives the same bytes.

    Args:
        path: the zip.
        player: the policy.
        weights: its weights.
        trained_on: names of the missions it was trained on; empty if not known.
        episodes: its episode tables.

    Raises:
        OSError: a file cannot be read or written.
    """
    card = _card(player, weights, trained_on, episodes)
    files = {
        "README.md": _readme(card).encode(),
        "policy.json": (json.dumps(card, indent=2, sort_keys=True) + "\n").encode(),
        "policy.safetensors": Path(weights).read_bytes(),
    }
    source, separator, name = player.class_path.rpartition(":")
    if separator and source.endswith(".py"):
        files[Path(source).name] = Path(source).read_bytes()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            member = zipfile.ZipInfo(name, EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)


def _card(player: Player, weights, trained_on, episodes) -> dict[str, Any]:
    with safetensors.safe_open(str(weights), framework="numpy") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in sorted(file.keys())}
    source, separator, name = player.class_path.rpartition(":")
    in_file = separator and source.endswith(".py")
    return {
        "name": player.name,
        "class_path": f"{Path(source).name}:{name}" if in_file else player.class_path,
        "init_kwargs": player.init_kwargs,
        "training_seed": player.training_seed,
        "trained_on": trained_on,
        "weights_sha256": file_digest(weights),
        "shapes": shapes,
        "scores": {
            mission: {"mean": float(rows["score"].mean()), "episodes": len(rows)}
            for mission, rows in episodes.groupby("mission", sort=True)
        },
        "versions": versions(),
    }


def _readme(card: dict[str, Any]) -> str:
    rows = [f"| {m} | {s['mean']:.2f} | {s['episodes']} |" for m, s in card["scores"].items()]
    return README.format(
        name=card["name"],
        missions=", ".join(card["trained_on"] or card["scores"]),
        daf=card["versions"]["daf"],
        rows="\n".join(rows),
        class_path=card["class_path"],
        init_kwargs=card["init_kwargs"],
    )
