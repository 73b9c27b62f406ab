"""What tests of whole workflows compare: folders of results."""

import hashlib
from pathlib import Path


def hashes(folder: Path) -> dict[str, str]:
    """Of all results but those that tell when they were made: sidecars, logs, timings."""
    results = folder / "results"
    return {
        str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.suffix in (".parquet", ".json", ".safetensors", ".html")
        and not path.name.endswith(".prov.json")
    }
