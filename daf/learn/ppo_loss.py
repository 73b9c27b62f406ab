"""PPO loss (Schulman et al. 2017, eq. 9) and its gradients, one thread per sample.

Samples with a teacher action use its negative log-likelihood as policy loss. A reference policy
adds the KL divergence from it (kickstarting, Schmitt et al. 2018, arXiv:1803.03835, eq. 3).
"""

from typing import NamedTuple

import torch
import warp as wp

from daf.config import TrainingConfig
from daf.learn.rollout import Rollout
from daf.sim.simulation import current_torch_stream

wp.set_module_options({"enable_backward": False})

MAX_LOG_RATIO = wp.constant(wp.float32(60.0))
LOSS_METRICS = (
    "policy_loss",
    "value_loss",
    "entropy",
    "approx_kl",
    "clip_fraction",
    "reference_kl",
)


class LossGradients(NamedTuple):
    """Gradients of the loss of one minibatch or part of it.

    Attributes:
        logit_grads: float32 [L, n, K], with respect to the logits.
        value_grads: float32 [L, n], with respect to the values.
        metrics: float32 [L, n, 6], LOSS_METRICS of each sample.
    """

    logit_grads: torch.Tensor
    value_grads: torch.Tensor
    metrics: torch.Tensor


@wp.struct
class Coefficients:
    """Coefficients of the loss.

    Attributes:
        clip: clipping range of the probability ratio.
        value: weight of the value loss.
        entropy: weight of the entropy bonus.
        sample_weight: weight of one sample in the mean, 1 / samples.
    """

    clip: wp.float32
    value: wp.float32
    entropy: wp.float32
    sample_weight: wp.float32


@wp.kernel
def ppo_loss_kernel(
    coefficients: Coefficients,
    # rollout
    rows: wp.array(dtype=wp.int64),
    advantage_mean_std: wp.array(dtype=wp.float32),
    actions: wp.array2d(dtype=wp.int64),
    teacher_actions: wp.array2d(dtype=wp.int8),
    old_log_probs: wp.array2d(dtype=wp.float32),
    old_values: wp.array2d(dtype=wp.float32),
    advantage: wp.array2d(dtype=wp.float32),
    reference_probs: wp.array3d(dtype=wp.float32),
    # weights of the update: [policy loss and entropy bonus, KL divergence from the reference]
    loss_weights: wp.array(dtype=wp.float32),
    # current policy
    logits: wp.array3d(dtype=wp.float32),
    values: wp.array2d(dtype=wp.float32),
    # out
    logit_grads: wp.array3d(dtype=wp.float32),
    value_grads: wp.array2d(dtype=wp.float32),
    metrics: wp.array3d(dtype=wp.float32),
):
    """Write loss gradients and metrics of one sample: step t of row rows[n]; dim = (L, n)."""
    t, n = wp.tid()
    row = rows[n]
    num_logits = logits.shape[2]
    action = int(actions[t, row])

    # log-softmax, stable through the maximum; logit_grads holds exp(logit - max_logit) until the
    # gradients replace it
    max_logit = logits[t, n, 0]
    for k in range(1, num_logits):
        max_logit = wp.max(max_logit, logits[t, n, k])
    exp_sum = float(0.0)
    for k in range(num_logits):
        exp_logit = wp.exp(logits[t, n, k] - max_logit)
        logit_grads[t, n, k] = exp_logit
        exp_sum += exp_logit
    log_sum_exp = max_logit + wp.log(exp_sum)

    # entropy: -sum_k p_k log p_k
    entropy = float(0.0)
    for k in range(num_logits):
        entropy -= logit_grads[t, n, k] / exp_sum * (logits[t, n, k] - log_sum_exp)

    # probability ratio; bounded, since the probability of a teacher's action can grow without
    # limit and the metrics must stay finite
    log_ratio = logits[t, n, action] - log_sum_exp - old_log_probs[t, row]
    log_ratio = wp.where(log_ratio > MAX_LOG_RATIO, MAX_LOG_RATIO, log_ratio)
    ratio = wp.exp(log_ratio)

    # PPO clipped surrogate (eq. 7), with the advantage normalized over the minibatch
    norm_advantage = (advantage[t, row] - advantage_mean_std[0]) / (advantage_mean_std[1] + 1.0e-8)
    surrogate = norm_advantage * ratio
    clipped = norm_advantage * wp.clamp(ratio, 1.0 - coefficients.clip, 1.0 + coefficients.clip)
    policy_loss = -wp.min(surrogate, clipped)
    d_loss_d_logprob = float(0.0)  # 0 where clipping is active
    if surrogate <= clipped:
        d_loss_d_logprob = -surrogate

    # gradient of policy loss and entropy bonus with respect to the logits; their weight is 0 while
    # only the value function learns
    policy_weight = loss_weights[0]
    for k in range(num_logits):
        prob = logit_grads[t, n, k] / exp_sum
        is_action = wp.where(k == action, 1.0, 0.0)
        entropy_grad = logits[t, n, k] - log_sum_exp + entropy
        grad = d_loss_d_logprob * (is_action - prob) + coefficients.entropy * prob * entropy_grad
        logit_grads[t, n, k] = coefficients.sample_weight * policy_weight * grad

    # KL divergence from the reference policy, sum_k q_k (log q_k - log p_k): gradient p_k - q_k
    reference_kl = float(0.0)
    kl_weight = loss_weights[1]
    if kl_weight > 0.0:
        for k in range(num_logits):
            log_prob = logits[t, n, k] - log_sum_exp
            reference_prob = reference_probs[t, row, k]
            if reference_prob > 0.0:
                reference_kl += reference_prob * (wp.log(reference_prob) - log_prob)
            kl_grad = kl_weight * (wp.exp(log_prob) - reference_prob)
            logit_grads[t, n, k] += coefficients.sample_weight * kl_grad

    # imitation: negative log-likelihood of the teacher's action replaces policy loss and entropy
    # bonus (DAgger, Ross et al. 2011)
    teacher_action = int(teacher_actions[t, row])
    if teacher_action >= 0:
        policy_loss = log_sum_exp - logits[t, n, teacher_action]
        for k in range(num_logits):
            prob = wp.exp(logits[t, n, k] - log_sum_exp)
            is_action = wp.where(k == teacher_action, 1.0, 0.0)
            logit_grads[t, n, k] = coefficients.sample_weight * (prob - is_action)

    # value loss: half the squared error to the return (advantage + old value)
    value_error = values[t, n] - (advantage[t, row] + old_values[t, row])
    value_grads[t, n] = coefficients.sample_weight * coefficients.value * value_error

    # metrics, in the order of LOSS_METRICS; approximate KL is (ratio - 1) - log ratio
    # (Schulman 2020, estimator k3)
    metrics[t, n, 0] = policy_loss
    metrics[t, n, 1] = 0.5 * value_error * value_error
    metrics[t, n, 2] = entropy
    metrics[t, n, 3] = ratio - 1.0 - log_ratio
    metrics[t, n, 4] = wp.where(wp.abs(ratio - 1.0) > coefficients.clip, 1.0, 0.0)
    metrics[t, n, 5] = reference_kl


def ppo_loss_gradients(
    logits: torch.Tensor,
    values: torch.Tensor,
    rollout: Rollout,
    advantage: torch.Tensor,
    rows: torch.Tensor,
    advantage_mean_std: torch.Tensor,
    loss_weights: torch.Tensor,
    config: TrainingConfig,
    num_minibatch_samples: int,
) -> LossGradients:
    """Compute the gradients of the loss with respect to logits and values, for rows of a rollout.

    The loss is the mean over `num_minibatch_samples` of: the clipped surrogate, plus `value_coef`
    times half the squared value error, minus `entropy_coef` times the entropy, plus the weighted KL
    divergence from the reference policy. For samples with a
    teacher action, its negative log-likelihood replaces surrogate and entropy.

    Args:
        logits: float32 [L, n, K], output of the current policy.
        values: float32 [L, n], output of the current policy.
        rollout: rollout with actions, log-probabilities and values of the old policy.
        advantage: float32 [L, N]; returns are advantage + value.
        rows: int64 [n], rows of the rollout.
        advantage_mean_std: float32 [2], mean and standard deviation that normalize the advantages.
        loss_weights: float32 [2], weight of policy loss and entropy bonus, and weight of the KL
            divergence from the reference policy.
        config: `clip`, `value_coef` and `entropy_coef` of the loss.
        num_minibatch_samples: number of samples of the minibatch, on all ranks.
    """
    coefficients = Coefficients()
    coefficients.clip = config.clip
    coefficients.value = config.value_coef
    coefficients.entropy = config.entropy_coef
    coefficients.sample_weight = 1 / num_minibatch_samples
    outputs = LossGradients(
        logit_grads=torch.empty_like(logits),
        value_grads=torch.empty_like(values),
        metrics=logits.new_empty(*values.shape, len(LOSS_METRICS)),
    )
    inputs = (
        rows,
        advantage_mean_std,
        rollout.actions,
        rollout.teacher_actions,
        rollout.log_probs,
        rollout.values,
        advantage,
        rollout.reference_probs,
        loss_weights,
        logits.detach(),
        values.detach(),
    )
    arrays = [wp.from_torch(tensor, return_ctype=True) for tensor in (*inputs, *outputs)]
    wp.launch(
        ppo_loss_kernel,
        dim=values.shape,
        inputs=[coefficients, *arrays],
        device=str(logits.device),
        stream=current_torch_stream(logits.device),
    )
    return outputs
