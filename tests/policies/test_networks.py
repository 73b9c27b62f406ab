"""Networks against independent implementations: torch layers, a dense window, single steps."""

import copy
import math
from functools import partial

import pytest
import torch

from daf.config import ConfigError
from daf.missions import load_mission
from daf.missions.token_bound import compute_observation_token_bound
from daf.policies import Game, PolicySpec, make_policy
from daf.policies.chance import derive_row_seeds, uniform
from daf.policies.lstm import run_lstm_segments, run_lstm_steps
from daf.policies.ops import embedding_bundled, lstm_bundled, mingru, mingru_bundled
from daf.policies.ops.embedding import lookup_rows_and_factors
from daf.policies.tokens import TokenEmbedding, assign_feature_value_slots
from daf.policies.trainable import sample_actions
from daf.sim.simulation import Simulation

MISSION = load_mission("assembler_2")
GAME = Game.of(MISSION)


def random_observations(rows=64, steps=30):
    """Observations uint8 [rows, T, 3] after random actions."""
    simulation = Simulation(MISSION, rows // 4, seed=3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        simulation.step(torch.randint(0, 8, (rows // 4, 4), generator=generator))
    return simulation.observations.flatten(0, 1).clone()


def test_embedding_equals_torch_embedding_bag():
    observations = random_observations()
    embedding = TokenEmbedding(GAME, 24)
    gradient = torch.randn(len(observations), 24, generator=torch.Generator().manual_seed(1))
    embedded = embedding(observations)
    embedded.backward(gradient)
    gradients = embedding.table.grad, embedding.bias.grad
    embedding.zero_grad()
    index, factor = lookup_rows_and_factors(
        observations, embedding.vocabulary, len(embedding.table)
    )
    expected = torch.nn.functional.embedding_bag(
        index, embedding.table, mode="sum", per_sample_weights=factor
    )
    expected = torch.relu(expected + embedding.bias)
    expected.backward(gradient)
    torch.testing.assert_close(embedded, expected)
    for grad, expected_grad in zip(gradients, (embedding.table.grad, embedding.bias.grad)):
        torch.testing.assert_close(grad, expected_grad)


@pytest.mark.gpu
def test_embedding_is_equal_on_cpu_and_gpu():
    observations = random_observations()
    embedding = TokenEmbedding(GAME, 24)
    gradient = torch.randn(len(observations), 24, generator=torch.Generator().manual_seed(1))
    results = []
    for device in ("cpu", "cuda"):
        replica = copy.deepcopy(embedding).to(device)
        embedded = replica(observations.to(device))
        embedded.backward(gradient.to(device))
        tensors = (embedded, replica.table.grad, replica.bias.grad)
        results.append([tensor.cpu() for tensor in tensors])
    for cpu, gpu in zip(*results):
        torch.testing.assert_close(cpu, gpu)


def test_embedding_propagates_nan():
    """A diverged run must not continue with the finite part."""
    observations = random_observations(8)
    embedding = TokenEmbedding(GAME, 5)
    embedding.bias.data[2] = torch.nan
    embedded = embedding(observations)
    embedded.backward(torch.ones_like(embedded))
    assert embedded.isnan().all(0).tolist() == [False, False, True, False, False]
    assert embedding.bias.grad[2] == len(observations)


def test_torch_embedding_of_bundles_is_equal():
    observations = random_observations()
    embedding = TokenEmbedding(GAME, 24)
    vocabulary = embedding_bundled.Vocabulary(**embedding.vocabulary.arrays)
    embedded = embedding_bundled.embed_and_rectify_observations(
        embedding.table, embedding.bias, observations, vocabulary
    )
    torch.testing.assert_close(embedded, embedding(observations))


def test_embedding_is_a_dense_layer_over_the_window():
    observations = random_observations(8)
    embedding = TokenEmbedding(GAME, 5)
    slots, weights, num_slots = assign_feature_value_slots(GAME)
    height, width = GAME.window
    window = torch.zeros(len(observations), height * width, num_slots)
    for n, row in enumerate(observations.tolist()):
        for location, feature, value in row:
            if location != 255:
                index = feature * 256 + value
                cell = (location >> 4) * width + (location & 15)
                window[n, cell, slots[index]] += weights[index]
    dense = window.flatten(1) @ embedding.table + embedding.bias
    torch.testing.assert_close(embedding(observations), torch.relu(dense))


def test_every_station_type_has_its_own_slot():
    slots, weights, _ = assign_feature_value_slots(GAME)
    rows = [int(slots[type_id]) for type_id in GAME.type_ids]
    assert len(set(rows)) == len(GAME.type_ids) and 200 not in GAME.type_ids
    assert int(slots[200]) not in rows
    assert all(weights[type_id] == 1 for type_id in GAME.type_ids)


def test_token_bound_holds_in_random_episodes():
    for name in ("assembler_2", "training_facility_1"):
        mission = load_mission(name)
        simulation = Simulation(mission, 32, seed=1)
        generator = torch.Generator().manual_seed(0)
        max_tokens = 0
        for _ in range(300):
            simulation.step(torch.randint(0, 9, (32, 4), generator=generator))
            max_tokens = max(max_tokens, int(simulation.state.token_count.max()))
        assert max_tokens <= compute_observation_token_bound(mission) <= mission.tokens


def network_with_inputs(name, device="cpu"):
    """Return a recurrent network, observations, recurrent state and episode starts."""
    policy = make_policy(PolicySpec(name, init_kwargs={"hidden_size": 16}), GAME, device)
    observations = torch.stack([random_observations(16, steps) for steps in range(6)])
    episode_starts = torch.zeros(6, 16, dtype=torch.bool)
    episode_starts[0], episode_starts[3, :5], episode_starts[5, 2:] = True, True, True
    state_size = policy.initial_recurrent_state(1).shape[1]
    state = torch.randn(16, state_size, generator=torch.Generator().manual_seed(2))
    return policy, observations.to(device), state.to(device), episode_starts.to(device)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_lstm_over_a_sequence_equals_single_steps_with_resets(device):
    policy, observations, state, episode_starts = network_with_inputs("lstm", device)
    logits, values, last = policy(observations, state, episode_starts)
    cell = torch.nn.LSTMCell(16, 16, device=device)
    cell.load_state_dict({n.removesuffix("_l0"): t for n, t in policy.lstm.state_dict().items()})
    hidden, cell_state = state.chunk(2, -1)
    for t in range(6):
        not_start = (~episode_starts[t])[:, None]
        previous = hidden * not_start, cell_state * not_start
        hidden, cell_state = cell(policy.embedding(observations[t]), previous)
        torch.testing.assert_close(logits[t], policy.actor(hidden))
        torch.testing.assert_close(values[t], policy.critic(hidden)[:, 0])
    torch.testing.assert_close(last, torch.cat([hidden, cell_state], -1))


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_lstm_implementations_have_equal_outputs_and_gradients(device, monkeypatch):
    def run_with_torch(*inputs):
        with monkeypatch.context() as patched:
            patched.setattr("daf.policies.lstm.lstm_sequence", lstm_bundled.lstm_sequence)
            return run_lstm_steps(policy.lstm, *inputs)

    policy, observations, state, episode_starts = network_with_inputs("lstm", device)
    embedded = policy.embedding(observations.flatten(0, 1)).detach().view(6, 16, -1)
    inputs = embedded.requires_grad_(), state.requires_grad_(), episode_starts
    results = []
    implementations = [run_with_torch, partial(run_lstm_steps, policy.lstm)]
    if device == "cpu":  # the fused LSTM of a GPU rounds its products to 10 bits
        implementations.append(partial(run_lstm_segments, policy.lstm))
    for run_lstm in implementations:
        output, last = run_lstm(*inputs)
        variables = (embedded, state, *policy.lstm.parameters())
        grads = torch.autograd.grad(output.square().sum() + last.sin().sum(), variables)
        results.append([output, last, *grads])
    for expected, *others in zip(*results):
        for other in others:
            torch.testing.assert_close(other, expected)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_mingru_over_a_sequence_equals_a_weighted_sum_of_candidates(device):
    policy, observations, state, episode_starts = network_with_inputs("mingru", device)
    logits, values, last = policy(observations, state, episode_starts)
    embedded = policy.embedding(observations.flatten(0, 1)).view(6, 16, 16)
    a, b = torch.einsum("lni,goi->glno", embedded, policy.gates.weight.view(2, 16, 16))
    z, c = torch.sigmoid(a + policy.gates.bias[:16]), torch.tanh((b + policy.gates.bias[16:]) / 2)
    factors = torch.where(episode_starts[..., None], 0.0, 1 - z)
    for t in range(6):
        terms = [z[s] * c[s] * factors[s + 1 : t + 1].prod(0) for s in range(t + 1)]
        memory = sum(terms) + state * factors[: t + 1].prod(0)
        hidden = policy.hidden(torch.cat([embedded[t], memory], -1)).relu()
        torch.testing.assert_close(logits[t], policy.actor(hidden))
        torch.testing.assert_close(values[t], policy.critic(hidden)[:, 0])
    torch.testing.assert_close(last, memory)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_mingru_implementations_have_equal_outputs_and_gradients(device):
    generator = torch.Generator().manual_seed(3)
    episode_starts = (torch.rand(9, 5, generator=generator) < 0.2).to(device)
    gates, state = (
        torch.randn(*shape, generator=generator).to(device).requires_grad_()
        for shape in ((9, 5, 2 * 13), (5, 13))
    )
    results = []
    for module in (mingru_bundled, mingru):
        states, last = module.mingru_sequence(gates, state, episode_starts)
        loss = states.square().sum() + last.sin().sum()
        results.append([states, last, *torch.autograd.grad(loss, (gates, state))])
    for expected, actual in zip(*results):
        torch.testing.assert_close(actual, expected)


def test_sampling_follows_the_distribution():
    logits = torch.tensor([0.0, math.log(2.0), math.log(5.0)]).expand(80_000, 3)
    uniforms = uniform(torch.arange(80_000), 0)
    frequencies = torch.bincount(sample_actions(logits, uniforms), minlength=3) / 80_000
    torch.testing.assert_close(frequencies, torch.tensor([1, 2, 5]) / 8, rtol=0, atol=0.006)


def test_random_numbers_are_uniform_and_independent_over_rows_and_steps():
    seeds = derive_row_seeds(torch.arange(500), 4, 1)
    draws = torch.stack([uniform(seeds, step) for step in range(200)])
    assert len(seeds.unique()) == 2000 and draws.min() >= 0 and draws.max() < 1
    counts = torch.histc(draws, bins=50, min=0, max=1)
    expected = draws.numel() / 50
    chi_squared = ((counts - expected) ** 2 / expected).sum()
    assert chi_squared < 86  # 99.9 % point of chi-squared with 49 degrees of freedom
    centered = draws - 0.5
    for shifted in (centered.roll(1, 0), centered.roll(1, 1)):
        assert abs((centered * shifted).mean() * 12) < 4 / math.sqrt(draws.numel())


@pytest.mark.parametrize("name", ["stateless", "lstm", "mingru"])
def test_weights_survive_a_round_trip(name, tmp_path):
    first, second = (make_policy(PolicySpec(name), GAME) for _ in range(2))
    first.save(tmp_path / "policy.safetensors")
    second.load(tmp_path / "policy.safetensors")
    seeds = derive_row_seeds(torch.arange(16), 4, 1)
    observations = random_observations()
    actions = [p.act(observations, p.initial_state(seeds))[0] for p in (first, second)]
    assert torch.equal(*actions)


@pytest.mark.parametrize("name", ["stateless", "lstm", "mingru", "random", "noop"])
def test_actions_of_a_row_do_not_depend_on_the_batch(name):
    policy = make_policy(PolicySpec(name), GAME)
    seeds = derive_row_seeds(torch.arange(16), 4, 1)
    observations = random_observations()
    batch, _ = policy.act(observations, policy.initial_state(seeds))
    alone, _ = policy.act(observations[20:24], policy.initial_state(seeds[20:24]))
    assert torch.equal(batch[20:24], alone)


def test_glyphs_add_outputs_and_have_a_limit():
    policy = make_policy(PolicySpec("stateless", init_kwargs={"glyphs": 10}), GAME)
    assert policy.num_outputs == 15
    with pytest.raises(ConfigError, match="glyphs: got 155; expected 0 to 154"):
        make_policy(PolicySpec("stateless", init_kwargs={"glyphs": 155}), GAME)
