# Configuration of this call, of files and `--config` or of the `module` declaration of another
# workflow.
import sys

from snakemake.path_modifier import PathModifier

from daf.config import ConfigError
from daf.config.overrides import MergedConfig
from daf.config.plain import as_plain_data

# True if another workflow uses this one as a `module`.
IS_MODULE = not workflow.modifier.is_main_snakefile()


def read_config():
    """Return the merged configuration of this call.

    Snakemake reads YAML 1.1, accepts duplicate keys and reads nested settings as text, so DAF reads
    the files again. The configuration of a module is data.
    """
    if not IS_MODULE:
        return MergedConfig.read(
            dict.fromkeys(workflow.overwrite_configfiles or workflow.configfiles),
            workflow.config_settings.config_args or (),
        )
    source = f"module {workflow.modifier.namespace}"
    if not workflow.modifier.skip_configfile:
        raise ConfigError(f"{source}: got no configuration; expected the key 'config'")
    return MergedConfig.from_data(as_plain_data(config), source)


def with_prefix(data):
    """Return a configuration whose results folder contains the prefix of the module."""
    execution = data.get("execution") or {}
    if not isinstance(execution, dict):
        return data
    folder = execution.get("results_dir", "results")
    if not isinstance(folder, str):
        return data
    folder = workflow.modifier.path_modifier.replace_prefix(folder)
    return data | {"execution": execution | {"results_dir": folder}}


try:
    MERGED_CONFIG = read_config()
    if IS_MODULE:
        MERGED_CONFIG = MERGED_CONFIG.from_data(
            with_prefix(MERGED_CONFIG.data), MERGED_CONFIG.source
        )
        # Params contain paths, too, and Snakemake adds the prefix to files only.
        workflow.modifier.path_modifier = PathModifier(None, None, workflow)
        config = MERGED_CONFIG.data
    else:
        config.clear()
        config.update(MERGED_CONFIG.data)
except ConfigError as error:
    sys.exit(f"error: {error}")
