"""Commands of `daf`, in the order of the help."""

from daf.cli.audit import add_audit_command, add_crate_command
from daf.cli.bundle import add_bundle_command
from daf.cli.demo import add_demo_command
from daf.cli.export import add_export_command
from daf.cli.listings import add_missions_command, add_policies_command
from daf.cli.mettagrid import add_mettagrid_command
from daf.cli.pipelines import (
    add_benchmark_command,
    add_compare_command,
    add_sweep_command,
    add_train_command,
)
from daf.cli.watch import add_watch_command
from daf.cli.workspace import add_init_command, add_run_command

COMMANDS = (
    add_demo_command,
    add_init_command,
    add_train_command,
    add_sweep_command,
    add_compare_command,
    add_benchmark_command,
    add_run_command,
    add_watch_command,
    add_audit_command,
    add_bundle_command,
    add_export_command,
    add_crate_command,
    add_mettagrid_command,
    add_missions_command,
    add_policies_command,
)
