"""Jobs of the workflow: locks, logs, devices, sidecars and supervision of child processes."""
