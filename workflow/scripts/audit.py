"""Report page of an audit of a results folder, `results/audit.html`."""

import sys
from datetime import UTC, datetime

from daf.audit.run import run_audit
from daf.config import AuditConfig
from daf.jobs.log import log_output_and_errors

with log_output_and_errors(snakemake, datetime.now(UTC)):
    config = AuditConfig.model_validate(snakemake.params.audit)
    sys.exit(run_audit(snakemake.params.results, config))
