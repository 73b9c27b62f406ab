"""Where the workflow and the default configuration stand: in a checkout, or in the wheel."""

import sys
from pathlib import Path

PACKAGE = Path(__file__).parent


def workflow_folder() -> Path:
    """The folder with the Snakefile."""
    return _found("_workflow", "workflow")


def default_config() -> Path:
    """`config/config.yaml` of the working directory if there is one, else the one of DAF."""
    own = Path("config/config.yaml")
    return own if own.is_file() else _found("_config", "config") / "config.yaml"


def snakemake_command(target: str, config: Path, *more: str) -> list[str]:
    """The command that makes `target` in the working directory."""
    snakefile = workflow_folder() / "Snakefile"
    command = [sys.executable, "-m", "snakemake", target, "--snakefile", str(snakefile)]
    return [*command, "--configfile", str(config), *more]


def _found(packaged: str, in_checkout: str) -> Path:
    inside = PACKAGE / packaged
    return inside if inside.is_dir() else PACKAGE.parent / in_checkout
