"""Networks against second implementations: torch's own layers, a dense window, single steps."""

import copy
import math

import pytest
import torch

from daf.config import ConfigError
from daf.missions import load_mission
from daf.missions.token_bound import token_bound
from daf.policies import Game, PolicySpec, make_policy
from daf.policies.chance import mix_seeds, uniform
from daf.policies.ops import embedding_torch, lstm_torch
from daf.policies.ops.embedding import lookup_rows
from daf.policies.tokens import TokenEmbedding, feature_slots
from daf.policies.trainable import sample_actions
from daf.sim.simulation import Simulation

MISSION = load_mission("assembler_2")
GAME = Game.of(MISSION)


def observations(rows=64, steps=30):
    simulation = Simulation(MISSION, rows // 4, seed=3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        simulation.step(torch.randint(0, 8, (rows // 4, 4), generator=generator))
    return simulation.observations.flatten(0, 1).clone()


def test_embedding_equals_torchs_embedding_bag_forward_and_backward():
    seen = observations()
    embedding = TokenEmbedding(GAME, 24)
    gradient = torch.randn(len(seen), 24, generator=torch.Generator().manual_seed(1))
    ours = embedding(seen)
    ours.backward(gradient)
    own_gradients = embedding.table.grad, embedding.bias.grad
    embedding.zero_grad()
    index, factor = lookup_rows(seen, embedding.vocabulary, len(embedding.table))
    theirs = torch.nn.functional.embedding_bag(
        index, embedding.table, mode="sum", per_sample_weights=factor
    )
    theirs = torch.relu(theirs + embedding.bias)
    theirs.backward(gradient)
    torch.testing.assert_close(ours, theirs)
    for own, grad in zip(own_gradients, (embedding.table.grad, embedding.bias.grad)):
        torch.testing.assert_close(own, grad)


@pytest.mark.gpu
def test_embedding_on_a_gpu_is_that_of_the_cpu():
    seen = observations()
    embedding = TokenEmbedding(GAME, 24)
    gradient = torch.randn(len(seen), 24, generator=torch.Generator().manual_seed(1))
    found = []
    for device in ("cpu", "cuda"):
        own = copy.deepcopy(embedding).to(device)
        summed = own(seen.to(device))
        summed.backward(gradient.to(device))
        found.append([tensor.cpu() for tensor in (summed, own.table.grad, own.bias.grad)])
    for one, other in zip(*found):
        torch.testing.assert_close(one, other)


def test_embedding_keeps_what_is_no_number():
    """Else a diverged training would go on with what is left."""
    seen = observations(8)
    embedding = TokenEmbedding(GAME, 5)
    embedding.bias.data[2] = torch.nan
    summed = embedding(seen)
    summed.backward(torch.ones_like(summed))
    assert summed.isnan().all(0).tolist() == [False, False, True, False, False]
    assert embedding.bias.grad[2] == len(seen)


def test_a_bundles_plain_sums_are_the_same():
    seen = observations()
    embedding = TokenEmbedding(GAME, 24)
    plain = embedding_torch.Vocabulary(**embedding.vocabulary.arrays)
    summed = embedding_torch.embed_tokens(embedding.table, embedding.bias, seen, plain)
    torch.testing.assert_close(summed, embedding(seen))


def test_embedding_is_a_dense_layer_over_the_window():
    seen = observations(8)
    embedding = TokenEmbedding(GAME, 5)
    slots, weights, num_slots = feature_slots(GAME)
    height, width = GAME.window
    window = torch.zeros(len(seen), height * width, num_slots)
    for n, row in enumerate(seen.tolist()):
        for place, feature, value in row:
            if place != 255:
                said = feature * 256 + value
                cell = (place >> 4) * width + (place & 15)
                window[n, cell, slots[said]] += weights[said]
    dense = window.flatten(1) @ embedding.table + embedding.bias
    torch.testing.assert_close(embedding(seen), torch.relu(dense))


def test_vocabulary_tells_every_kind_of_station_apart():
    slots, weights, _ = feature_slots(GAME)
    rows = [int(slots[type_id]) for type_id in GAME.type_ids]
    assert len(set(rows)) == len(GAME.type_ids) and 200 not in GAME.type_ids
    assert int(slots[200]) not in rows
    assert all(weights[type_id] == 1 for type_id in GAME.type_ids)


def test_no_observation_has_more_tokens_than_the_bound():
    for name in ("assembler_2", "training_facility_1"):
        mission = load_mission(name)
        simulation = Simulation(mission, 32, seed=1)
        generator = torch.Generator().manual_seed(0)
        most = 0
        for _ in range(300):
            simulation.step(torch.randint(0, 9, (32, 4), generator=generator))
            most = max(most, int(simulation.state.token_count.max()))
        assert most <= token_bound(mission) <= mission.tokens


def episodes_of_an_lstm(device="cpu"):
    policy = make_policy(PolicySpec("lstm", init_kwargs={"hidden_size": 16}), GAME, device)
    seen = torch.stack([observations(16, steps) for steps in range(6)])
    starts = torch.zeros(6, 16, dtype=torch.bool)
    starts[0], starts[3, :5], starts[5, 2:] = True, True, True
    memory = torch.randn(16, 32, generator=torch.Generator().manual_seed(2))
    return policy, seen.to(device), memory.to(device), starts.to(device)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_lstm_over_a_sequence_equals_single_steps_with_memory_set_back_at_starts(device):
    policy, seen, memory, starts = episodes_of_an_lstm(device)
    logits, values, last = policy(seen, memory, starts)
    cell = torch.nn.LSTMCell(16, 16, device=device)
    cell.load_state_dict({n.removesuffix("_l0"): t for n, t in policy.lstm.state_dict().items()})
    hidden, state = memory.chunk(2, -1)
    for t in range(6):
        keep = (~starts[t])[:, None]
        hidden, state = cell(policy.embedding(seen[t]), (hidden * keep, state * keep))
        torch.testing.assert_close(logits[t], policy.actor(hidden))
        torch.testing.assert_close(values[t], policy.critic(hidden)[:, 0])
    torch.testing.assert_close(last, torch.cat([hidden, state], -1))


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_lstm_step_by_step_as_on_a_gpu_learns_as_from_start_to_start(device, monkeypatch):
    def plain(*asked):
        with monkeypatch.context() as patched:
            patched.setattr("daf.policies.lstm.lstm_sequence", lstm_torch.lstm_sequence)
            return policy._forward_steps(*asked)

    policy, seen, memory, starts = episodes_of_an_lstm(device)
    seen = policy.embedding(seen.flatten(0, 1)).detach().view(6, 16, -1).requires_grad_()
    asked = seen, memory.requires_grad_(), starts
    found = []
    # The fused LSTM of a GPU rounds its products to ten bits.
    fused = [policy._forward_segments] if device == "cpu" else []
    for over in (plain, policy._forward_steps, *fused):
        output, last = over(*asked)
        wanted = (seen, memory, *policy.lstm.parameters())
        slopes = torch.autograd.grad(output.square().sum() + last.sin().sum(), wanted)
        found.append([output, last, *slopes])
    for expected, *others in zip(*found):
        for other in others:
            torch.testing.assert_close(other, expected)


def test_sampling_follows_the_distribution():
    logits = torch.tensor([0.0, math.log(2.0), math.log(5.0)]).expand(80_000, 3)
    chance = uniform(torch.arange(80_000), 0)
    shares = torch.bincount(sample_actions(logits, chance), minlength=3) / 80_000
    torch.testing.assert_close(shares, torch.tensor([1, 2, 5]) / 8, rtol=0, atol=0.006)


def test_chance_is_uniform_and_independent_over_rows_and_steps():
    seeds = mix_seeds(torch.arange(500), 4, 1)
    draws = torch.stack([uniform(seeds, step) for step in range(200)])
    assert len(seeds.unique()) == 2000 and draws.min() >= 0 and draws.max() < 1
    counts = torch.histc(draws, bins=50, min=0, max=1)
    expected = draws.numel() / 50
    chi_squared = ((counts - expected) ** 2 / expected).sum()
    assert chi_squared < 86  # 99.9 % point of chi-squared with 49 degrees of freedom
    centred = draws - 0.5
    for other in (centred.roll(1, 0), centred.roll(1, 1)):
        assert abs((centred * other).mean() * 12) < 4 / math.sqrt(draws.numel())


@pytest.mark.parametrize("name", ["stateless", "lstm"])
def test_weights_survive_a_round_trip(name, tmp_path):
    first, second = (make_policy(PolicySpec(name), GAME) for _ in range(2))
    first.save(tmp_path / "policy.safetensors")
    second.load(tmp_path / "policy.safetensors")
    seeds = mix_seeds(torch.arange(16), 4, 1)
    seen = observations()
    actions = [p.act(seen, p.initial_state(seeds))[0] for p in (first, second)]
    assert torch.equal(*actions)


@pytest.mark.parametrize("name", ["stateless", "lstm", "random", "noop"])
def test_a_row_plays_the_same_alone_and_among_others(name):
    policy = make_policy(PolicySpec(name), GAME)
    seeds = mix_seeds(torch.arange(16), 4, 1)
    seen = observations()
    together, _ = policy.act(seen, policy.initial_state(seeds))
    alone, _ = policy.act(seen[20:24], policy.initial_state(seeds[20:24]))
    assert torch.equal(together[20:24], alone)


def test_glyphs_widen_the_choice_and_are_bounded():
    policy = make_policy(PolicySpec("stateless", init_kwargs={"glyphs": 10}), GAME)
    assert policy.num_outputs == 15
    with pytest.raises(ConfigError, match="glyphs: got 155; 0 to 154"):
        make_policy(PolicySpec("stateless", init_kwargs={"glyphs": 155}), GAME)
