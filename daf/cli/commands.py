"""Commands of `daf`, in the order of the help."""

from daf.cli.audit import audit, crate
from daf.cli.bundle import bundle
from daf.cli.listings import missions, policies
from daf.cli.mettagrid import mettagrid
from daf.cli.pipelines import benchmark, compare, sweep, train

COMMANDS = (train, sweep, compare, benchmark, audit, bundle, crate, mettagrid, missions, policies)
