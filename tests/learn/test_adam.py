import copy

import pytest
import torch

from daf.learn.adam import ClippingAdam, SkippingAdam, make_adam

SHAPES = ((300, 128), (7, 3, 11), (5,), (1, 128))


def make_parameters():
    generator = torch.Generator().manual_seed(1)
    return [torch.nn.Parameter(torch.randn(*shape, generator=generator)) for shape in SHAPES]


def set_gradients(parameters, step, generator):
    """Give most rows of the first parameter no gradient at all, and some rows one at times."""
    for parameter in parameters:
        gradient = 10.0 ** (-step % 6) * torch.randn(parameter.shape, generator=generator)
        if len(parameter) == 300:
            gradient[torch.rand(300, generator=generator) < 0.8] = 0
            gradient[100:] = 0
        parameter.grad = gradient


@pytest.mark.parametrize("restored_step", [None, 7])
def test_skipping_adam_takes_the_steps_of_torch(restored_step):
    parameters, expected_parameters = make_parameters(), make_parameters()
    unused = parameters[0][100:].clone()
    optimizer = make_adam(parameters, "cpu")
    expected = ClippingAdam(expected_parameters, 0.0, eps=1e-5, fused=True)
    assert isinstance(optimizer, SkippingAdam)
    for step in range(20):
        for adam in (optimizer, expected):
            set_gradients(adam.param_groups[0]["params"], step, torch.Generator().manual_seed(step))
            adam.param_groups[0]["lr"] = 2e-3 * (1 - step / 40)
        norms = [adam.clip_gradient_norm(0.5) for adam in (optimizer, expected)]
        torch.testing.assert_close(*norms)
        optimizer.step()
        expected.step()
        if step == restored_step:
            state = copy.deepcopy(optimizer.state_dict())
            optimizer = make_adam(parameters, "cpu")
            optimizer.load_state_dict(state)
    torch.testing.assert_close(parameters, expected_parameters, rtol=1e-5, atol=2e-6)
    torch.testing.assert_close(
        list(optimizer.state.values()), list(expected.state.values()), rtol=1e-4, atol=1e-9
    )
    assert torch.equal(parameters[0][100:], unused)


def test_parameters_that_are_not_contiguous_use_torch():
    parameter = torch.nn.Parameter(torch.randn(4, 3).T)
    assert type(make_adam([parameter], "cpu")) is ClippingAdam
