"""Option `--version`: DAF, Python, the numerical libraries and the devices."""

import argparse
import importlib.metadata
import platform
from collections.abc import Sequence
from typing import Any


class VersionAction(argparse.Action):
    """Option without a value that prints the versions and ends the command."""

    def __init__(self, option_strings: Sequence[str], dest: str, **kwargs: Any):
        super().__init__(option_strings, dest, nargs=0, **kwargs)

    def __call__(self, parser: argparse.ArgumentParser, *arguments: Any) -> None:
        """Print the versions; see `format_versions_and_devices`."""
        print(format_versions_and_devices())
        parser.exit()


def format_versions_and_devices() -> str:
    """Return the versions of DAF, Python, torch and Warp, and the devices for `--device auto`."""
    import torch  # takes a second

    names = {"daf": "daf", "torch": "torch", "Warp": "warp-lang"}
    versions = {name: importlib.metadata.version(package) for name, package in names.items()}
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    devices = ", ".join(gpus) or f"CPU ({torch.get_num_threads()} threads), no CUDA device"
    lines = [f"daf {versions.pop('daf')}", f"Python {platform.python_version()}"]
    lines += [f"{name} {version}" for name, version in versions.items()]
    return "\n".join([*lines, f"devices: {devices}"])
