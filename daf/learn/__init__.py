"""Learning: PPO over batched worlds, from experience to weights."""
