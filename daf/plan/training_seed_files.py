"""Weights files of several training seeds, found by a path with `{seed}` in it."""

import glob
import os
import re

from daf.config.paths import expand_home
from daf.errors import ConfigError, short_json

SEED_PLACEHOLDER = "{seed}"


def find_files_by_training_seed(pattern: str) -> dict[int, str]:
    """Return the files whose path matches a pattern, by training seed in ascending order.

    Args:
        pattern: path with one `{seed}`, a number with or without leading zeros; `*` stands for any
            characters of a name, and a leading `~` for the home folder.

    Raises:
        ConfigError: two `{seed}`, no file, or several files with the same seed.

    Example:
        >>> find_files_by_training_seed("results/runs/lstm-s{seed}-*/policy.safetensors")
    """
    if pattern.count(SEED_PLACEHOLDER) != 1:
        raise ConfigError(f"got {short_json(pattern)}; expected one {SEED_PLACEHOLDER} in the path")
    path_pattern = os.path.normpath(expand_home(pattern))
    glob_pattern = glob.escape(path_pattern).replace("[*]", "*").replace(SEED_PLACEHOLDER, "*")
    regex = re.escape(path_pattern).replace(r"\*", "[^/]*")
    regex = regex.replace(re.escape(SEED_PLACEHOLDER), "([0-9]{1,10})")
    files: dict[int, str] = {}
    for path in sorted(glob.glob(glob_pattern)):
        if match := re.fullmatch(regex, path, re.DOTALL):
            seed = int(match[1])
            if seed in files:
                raise ConfigError(
                    f"got {short_json(pattern)}; expected one file per training seed; seed {seed} "
                    f"has {short_json(files[seed])} and {short_json(path)}"
                )
            files[seed] = path
    if not files:
        raise ConfigError(
            f"no file {short_json(pattern)} with a training seed as {SEED_PLACEHOLDER}"
        )
    return dict(sorted(files.items()))
