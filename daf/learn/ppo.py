"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347): one update."""

import torch
from torch import nn

from daf.config.training import TrainingConfig
from daf.learn.rollout import Rollout
from daf.policies.trainable import TrainablePolicy

METRICS = ("policy_loss", "value_loss", "entropy", "approx_kl", "clip_fraction", "gradient_norm")


def update(
    policy: TrainablePolicy,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    advantage: torch.Tensor,
    config: TrainingConfig,
    generator: torch.Generator,
) -> torch.Tensor:
    """Improve the policy on one rollout.

    Minibatches are sets of rows (agents) over all L steps, so that recurrent policies see whole
    sequences from the memory they began with.

    Args:
        rollout, advantage: of `Collector.collect`; returns are advantage + value.
        generator: shuffles the rows; its state alone decides the order.

    Returns:
        float32 [6], the METRICS averaged over minibatches, still on the device.
    """
    returns = advantage + rollout.values
    totals = torch.zeros(len(METRICS), device=advantage.device)
    rows = advantage.shape[1]
    parts = min(config.minibatches, rows)
    for _ in range(config.epochs):
        order = torch.randperm(rows, generator=generator).to(advantage.device)
        for part in order.chunk(parts):
            loss, metrics = _loss(policy, rollout, advantage, returns, part, config)
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(policy.parameters(), config.max_grad_norm)
            optimizer.step()
            totals += torch.stack([*metrics, norm.detach()])
    return totals / (config.epochs * parts)


def _loss(policy, rollout, advantage, returns, part, config):
    logits, values, _ = policy(
        rollout.observations[:, part], rollout.memory[part], rollout.starts[:, part]
    )
    all_log_probs = torch.log_softmax(logits, dim=-1)
    log_probs = all_log_probs.gather(-1, rollout.actions[:, part, None])[..., 0]
    log_ratio = log_probs - rollout.log_probs[:, part]
    ratio = log_ratio.exp()

    weight = advantage[:, part]
    weight = (weight - weight.mean()) / (weight.std() + 1e-8)
    clipped = ratio.clamp(1 - config.clip, 1 + config.clip)
    policy_loss = -torch.minimum(weight * ratio, weight * clipped).mean()
    value_loss = 0.5 * (values - returns[:, part]).square().mean()
    entropy = -(all_log_probs.exp() * all_log_probs).sum(-1).mean()
    loss = policy_loss + config.value_coef * value_loss - config.entropy_coef * entropy

    with torch.no_grad():
        # (ratio - 1) - log ratio: the low-variance estimate of the KL divergence, Schulman 2020.
        kl = (ratio - 1 - log_ratio).mean()
        outside = ((ratio - 1).abs() > config.clip).float().mean()
    return loss, [policy_loss.detach(), value_loss.detach(), entropy.detach(), kl, outside]
