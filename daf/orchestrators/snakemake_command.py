"""Command line, profiles and preconditions of a call of Snakemake."""

import os
import sys
from pathlib import Path

from daf.config import ConfigError, short_json, suggest
from daf.provenance.source import packaged_or_checkout, workflow_folder
from daf.system.caches import provide_caches
from daf.system.limits import EnvironmentProblem, check_process

LOCAL_PROFILE = "local"
STATE = ".snakemake"


def default_config() -> Path:
    """`config/config.yaml` of the working directory if there is one, else the one of DAF."""
    own = Path("config/config.yaml")
    return own if own.is_file() else packaged_or_checkout("_config", "config") / "config.yaml"


def snakemake_command(target: str, config: Path, *more: str) -> list[str]:
    """The command that makes `target` in the working directory."""
    snakefile = workflow_folder() / "Snakefile"
    # Not without `-P`: the working directory may have a `yaml.py`.
    command = [sys.executable, "-P", "-m", "snakemake", target, "--snakefile", str(snakefile)]
    return [*command, "--configfile", str(config), *more]


def import_nothing_from_here() -> None:
    """Let jobs look for no code in the working directory, as `python -m snakemake` does first."""
    os.environ["PYTHONSAFEPATH"] = "1"


def check_start() -> None:
    """Make sure that a workflow can begin in this process, and in those that it will start.

    Raises:
        EnvironmentProblem: it cannot; one line.
    """
    check_process()
    provide_caches()
    if not can_keep_state():
        raise no_place_for_state()


def can_keep_state() -> bool:
    """Whether Snakemake can keep its state in the working directory."""
    state = STATE if os.path.isdir(STATE) else "."
    return os.access(state, os.W_OK | os.X_OK, effective_ids=True)


def no_place_for_state() -> EnvironmentProblem:
    """What is to be said if it cannot."""
    return EnvironmentProblem(
        f"the working directory {Path.cwd()} cannot be written, and Snakemake keeps its state in "
        f"it ({STATE}); start in another one, and let execution.results_dir say where results go"
    )


def profile_options(profile: str) -> list[str]:
    """The options that choose a profile: `local`, the name of another of ours, or a folder.

    Raises:
        ConfigError: there is no such profile; one line.
    """
    if profile == LOCAL_PROFILE:
        return []  # workflow/profiles/default, which Snakemake finds by itself
    ours = workflow_folder() / "profiles"
    names = [LOCAL_PROFILE, *sorted(path.name for path in ours.iterdir() if path.name != "default")]
    folder = ours / profile if profile in names else Path(profile)
    if not (folder / "config.yaml").is_file():
        raise ConfigError(
            f"key 'profile': got {short_json(profile)}; {suggest(profile, names)}, "
            "or a folder with a config.yaml"
        )
    return ["--workflow-profile", str(folder.resolve())]
