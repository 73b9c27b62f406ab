"""The objective of PPO (Schulman et al. 2017, equation 9) and its slopes, a thread per sample.

Where a teacher said what to do, the policy is to say the same instead: its part of the objective is
the negative log-likelihood of that action."""

import torch
import warp as wp

from daf.config import TrainingConfig
from daf.learn.rollout import Rollout
from daf.sim.simulation import torch_stream

wp.set_module_options({"enable_backward": False})

MAX_LOG_RATIO = wp.constant(wp.float32(60.0))
LOSS_METRICS = ("policy_loss", "value_loss", "entropy", "approx_kl", "clip_fraction")


@wp.struct
class Coefficients:
    """Of `TrainingConfig`; `share` is the weight of one sample in the mean."""

    clip: wp.float32
    value: wp.float32
    entropy: wp.float32
    sample_weight: wp.float32


@wp.kernel
def ppo_loss_kernel(
    c: Coefficients,
    rows: wp.array(dtype=wp.int64),
    scale: wp.array(dtype=wp.float32),
    actions: wp.array2d(dtype=wp.int64),
    taught: wp.array2d(dtype=wp.int8),
    old_log_probs: wp.array2d(dtype=wp.float32),
    old_values: wp.array2d(dtype=wp.float32),
    advantage: wp.array2d(dtype=wp.float32),
    logits: wp.array3d(dtype=wp.float32),
    values: wp.array2d(dtype=wp.float32),
    logit_grads: wp.array3d(dtype=wp.float32),
    value_grads: wp.array2d(dtype=wp.float32),
    terms: wp.array3d(dtype=wp.float32),
):
    """One thread is one sample: step t of the rollout's row rows[n]."""
    t, n = wp.tid()
    row = rows[n]
    outputs = logits.shape[2]
    action = int(actions[t, row])

    top = logits[t, n, 0]
    for k in range(1, outputs):
        top = wp.max(top, logits[t, n, k])
    total = float(0.0)
    for k in range(outputs):
        mass = wp.exp(logits[t, n, k] - top)
        logit_grads[t, n, k] = mass
        total += mass
    normaliser = top + wp.log(total)
    entropy = float(0.0)
    for k in range(outputs):
        entropy -= logit_grads[t, n, k] / total * (logits[t, n, k] - normaliser)

    log_ratio = logits[t, n, action] - normaliser - old_log_probs[t, row]
    # Beyond, metrics would be infinite; a teacher's action may have become that much more probable.
    log_ratio = wp.where(log_ratio > MAX_LOG_RATIO, MAX_LOG_RATIO, log_ratio)
    ratio = wp.exp(log_ratio)
    weight = (advantage[t, row] - scale[0]) / (scale[1] + 1.0e-8)
    gain = weight * ratio
    clipped = weight * wp.clamp(ratio, 1.0 - c.clip, 1.0 + c.clip)
    # Where the clipped gain is the smaller one, it does not depend on the ratio.
    slope = float(0.0)
    if gain <= clipped:
        slope = -gain
    for k in range(outputs):
        prob = logit_grads[t, n, k] / total
        chosen = wp.where(k == action, 1.0, 0.0)
        above = logits[t, n, k] - normaliser + entropy
        pull = slope * (chosen - prob) + c.entropy * prob * above
        logit_grads[t, n, k] = c.sample_weight * pull
    policy_loss = -wp.min(gain, clipped)
    lesson = int(taught[t, row])
    if lesson >= 0:
        policy_loss = normaliser - logits[t, n, lesson]
        for k in range(outputs):
            prob = wp.exp(logits[t, n, k] - normaliser)
            logit_grads[t, n, k] = c.sample_weight * (prob - wp.where(k == lesson, 1.0, 0.0))

    error = values[t, n] - (advantage[t, row] + old_values[t, row])
    value_grads[t, n] = c.sample_weight * c.value * error
    terms[t, n, 0] = policy_loss
    terms[t, n, 1] = 0.5 * error * error
    terms[t, n, 2] = entropy
    # (ratio - 1) - log ratio: the low-variance estimate of the KL divergence, Schulman 2020.
    terms[t, n, 3] = ratio - 1.0 - log_ratio
    terms[t, n, 4] = wp.where(wp.abs(ratio - 1.0) > c.clip, 1.0, 0.0)


def ppo_loss_gradients(
    logits: torch.Tensor,
    values: torch.Tensor,
    rollout: Rollout,
    advantage: torch.Tensor,
    rows: torch.Tensor,
    scale: torch.Tensor,
    config: TrainingConfig,
    samples: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """How the loss changes with what a policy says now about some rows of a rollout.

    The loss is the mean over `samples` of: the clipped surrogate, plus `value_coef` times half the
    squared error of the value, less `entropy_coef` times the entropy. Of samples that were taught:
    the negative log-likelihood of what was said, plus the part of the value.

    Args:
        logits, values: float32 [L, n, K] and [L, n] of the n rows int64 `rows`.
        advantage: float32 [L, N]; returns are advantage + value.
        scale: float32 [2], mean and deviation that the advantages are normalised with.

    Returns:
        slopes of the loss, float32 [L, n, K] and [L, n]; the TERMS, float32 [L, n, 5].
    """
    c = Coefficients()
    c.clip, c.value, c.entropy = config.clip, config.value_coef, config.entropy_coef
    c.sample_weight = 1 / samples
    found = (
        torch.empty_like(logits),
        torch.empty_like(values),
        logits.new_empty(*values.shape, len(LOSS_METRICS)),
    )
    chosen = rollout.actions, rollout.teacher_actions
    known = (rows, scale, *chosen, rollout.log_probs, rollout.values, advantage)
    arrays = [
        wp.from_torch(tensor, return_ctype=True)
        for tensor in (*known, logits.detach(), values.detach(), *found)
    ]
    wp.launch(
        ppo_loss_kernel,
        dim=values.shape,
        inputs=[c, *arrays],
        device=str(logits.device),
        stream=torch_stream(logits.device),
    )
    return found
