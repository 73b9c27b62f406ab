"""Jobs of the workflow: GPU assignment, locks, logs, sidecars, supervision of child processes."""
