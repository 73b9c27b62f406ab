"""Operating system: GPUs, processes, memory limits, caches and output streams."""
