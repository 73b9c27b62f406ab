"""Learning: PPO over batched worlds, from rollouts to weights."""
