"""Snakemake command line, profiles, and checks before the start of a workflow."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from daf.config import ConfigError, short_json, suggest_choice
from daf.provenance.source import packaged_or_checkout_folder, workflow_folder
from daf.system.caches import ensure_writable_xdg_cache
from daf.system.limits import MachineCheckError, check_limits_and_clock

LOCAL_PROFILE = "local"
STATE_FOLDER = ".snakemake"


def find_local_or_packaged_benchmark_config() -> Path:
    """Return `config/config.yaml` of the working directory if it exists, else the one of DAF."""
    local_config = Path("config/config.yaml")
    if local_config.is_file():
        return local_config
    return packaged_or_checkout_folder("_config", "config") / "config.yaml"


def snakemake_command(targets: Sequence[str], config_file: Path, *options: str) -> list[str]:
    """Return the command that makes rules or files in the working directory."""
    snakefile = workflow_folder() / "Snakefile"
    # `-P` keeps Python from importing files of the working directory, such as a `yaml.py`.
    command = [sys.executable, "-P", "-m", "snakemake", *targets, "--snakefile", str(snakefile)]
    return [*command, "--configfile", str(config_file), *options]


def block_job_imports_from_working_directory() -> None:
    """Keep the Python processes of jobs from importing files of the working directory."""
    os.environ["PYTHONSAFEPATH"] = "1"


def prepare_and_check_environment() -> None:
    """Set a writable cache folder, and check that a workflow can start in this process.

    Raises:
        MachineCheckError: it cannot start; one line.
    """
    check_limits_and_clock()
    ensure_writable_xdg_cache()
    if not is_snakemake_folder_writable():
        raise unwritable_working_directory_error()


def is_snakemake_folder_writable() -> bool:
    """Return True if Snakemake can write its state in the working directory."""
    state = STATE_FOLDER if os.path.isdir(STATE_FOLDER) else "."
    return os.access(state, os.W_OK | os.X_OK, effective_ids=True)


def unwritable_working_directory_error() -> MachineCheckError:
    """Return the error for a working directory without write access."""
    return MachineCheckError(
        f"the working directory {Path.cwd()} cannot be written, but Snakemake stores its state "
        f"there ({STATE_FOLDER}); use another working directory, and set execution.results_dir"
    )


def snakemake_profile_options(profile: str) -> list[str]:
    """Return the Snakemake options of a profile.

    Args:
        profile: `local`, the name of another profile of DAF, or a folder.

    Raises:
        ConfigError: no such profile; one line.
    """
    if profile == LOCAL_PROFILE:
        return []  # Snakemake uses workflow/profiles/default without an option
    profiles = workflow_folder() / "profiles"
    names = sorted(path.name for path in profiles.iterdir() if path.name != "default")
    names = [LOCAL_PROFILE, *names]
    folder = profiles / profile if profile in names else Path(profile)
    if not (folder / "config.yaml").is_file():
        raise ConfigError(
            f"key 'profile': got {short_json(profile)}; {suggest_choice(profile, names)}, "
            "or a folder with a config.yaml"
        )
    return ["--workflow-profile", str(folder.resolve())]
