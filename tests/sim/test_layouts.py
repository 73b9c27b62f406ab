"""Missions with several layouts: each world equals a world of the mission of its layout."""

import pytest
import torch

from daf.config import EvaluationConfig
from daf.evaluation.evaluate import evaluate
from daf.evaluation.replay import Replay
from daf.missions import load_mission
from daf.report.episode_player import EpisodeView
from daf.sim.simulation import Simulation
from tests.sim.test_replay import decode_states, random_policy

BASES = {
    "plain": "extends: assembler_2\n",
    # stations that start clipped, and random clipping
    "clipped": (
        "extends: training_facility_1_shuffled\n"
        "clipping: {rate: 0.2, repairs: [{inputs: {energy: 1}, cooldown: 1}, "
        "{inputs: {energy: 2}}]}\n"
        "stations: {carbon_ex_dep: {starts_clipped: true}, charger: {starts_clipped: true}}\n"
    ),
    "cave": "extends: machina_1\n",
    "dark": "extends: assembler_2_dark\n",
}


def moves(worlds, agents, steps, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 7, (steps, worlds, agents), generator=generator)


@pytest.mark.parametrize("base", BASES)
def test_a_world_equals_a_world_of_the_mission_of_its_layout(tmp_path, base):
    path = tmp_path / "mine.yaml"
    path.write_text(BASES[base] + "max_steps: 40\n")
    num_worlds, last_seed = 16, 8
    all_layouts = Simulation(
        load_mission(f"{path}@2-{last_seed}"), num_worlds, seed=3, auto_reset=True
    )
    actions = moves(num_worlds, all_layouts.num_agents, 90)
    observations, world_seeds = (
        [all_layouts.observations.clone()],
        [all_layouts.state.world_seed.clone()],
    )
    layouts, outcomes = [all_layouts.state.layout.clone()], []
    for step in actions:
        all_layouts.step(step)
        observations.append(all_layouts.observations.clone())
        outcomes.append((all_layouts.rewards.clone(), all_layouts.counters.clone()))
        if (all_layouts.state.now == 0).all():
            layouts.append(all_layouts.state.layout.clone())
            world_seeds.append(all_layouts.state.world_seed.clone())
    assert len(world_seeds) == 3 and not torch.equal(layouts[0], layouts[1])
    for layout_index in range(last_seed - 1):
        single_layout = Simulation(
            load_mission(f"{path}@{2 + layout_index}"), num_worlds, auto_reset=False
        )
        for episode, (seeds, layout) in enumerate(zip(world_seeds, layouts)):
            world_mask = layout == layout_index
            single_layout.reset(world_seeds=seeds)
            for index in range(40 * episode, min(40 * episode + 40, len(actions))):
                assert torch.equal(
                    observations[index][world_mask], single_layout.observations[world_mask]
                ), (layout_index, index)
                single_layout.step(actions[index])
                if index % 40 < 39:  # the last step of an episode resets it
                    for expected, actual in zip(
                        outcomes[index], (single_layout.rewards, single_layout.counters)
                    ):
                        assert torch.equal(expected[world_mask], actual[world_mask]), (
                            layout_index,
                            index,
                        )
    assert torch.stack(layouts).unique().numel() == last_seed - 1


def test_the_layout_depends_on_the_world_seed_only():
    mission = load_mission("assembler_2@1-50")
    first = Simulation(mission, 400, seed=1)
    second = Simulation(mission, 7, seed=99, first_world=5, threads=1)
    second.reset(world_seeds=first.state.world_seed[100:107].clone())
    assert torch.equal(second.state.layout, first.state.layout[100:107])
    assert torch.equal(second.observations, first.observations[100:107])
    other_mission = load_mission(
        "training_facility_1_shuffled@7-56"
    )  # same layout index in another mission
    assert torch.equal(Simulation(other_mission, 400, seed=1).state.layout, first.state.layout)


def test_layouts_are_uniform():
    simulation = Simulation(load_mission("assembler_2@1-20"), 4000, seed=4)
    counts = torch.bincount(simulation.state.layout.long(), minlength=20)
    assert counts.shape == (20,)
    assert ((counts - 200) ** 2 / 200).sum() < 43.8  # 99.9 % point, 19 degrees of freedom
    before = simulation.state.layout.clone()
    simulation.reset()
    assert 100 < (simulation.state.layout == before).sum() < 300  # 5 % keep their layout


def test_loaded_state_contains_the_layouts():
    mission = load_mission("assembler_2@1-9").model_copy(update={"max_steps": 30})
    first, second = (Simulation(mission, 12, seed=1, auto_reset=True) for _ in range(2))
    actions = moves(12, 4, 50)
    for step in actions[:20]:
        first.step(step)
    second.reset()
    assert not torch.equal(first.state.layout, second.state.layout)
    second.load_state_dict(first.state_dict())
    for step in actions[20:]:
        first.step(step)
        second.step(step)
        assert torch.equal(first.observations, second.observations)
    assert torch.equal(first.state.layout, second.state.layout)


def test_replays_contain_the_layout(tmp_path):
    mission = load_mission("assembler_2@1-30").model_copy(update={"max_steps": 40})
    replay = evaluate(random_policy(), mission, EvaluationConfig(episodes=6, recorded_episodes=6))[
        1
    ]
    replay.write(tmp_path / "some.replay.json")
    assert Replay.read(tmp_path / "some.replay.json") == replay
    layout_seeds = {episode.layout for episode in replay.episodes}
    assert len(layout_seeds) > 2 and layout_seeds <= set(range(1, 31))
    for index, episode in enumerate(replay.episodes):
        layout = load_mission(f"assembler_2@{episode.layout}")
        cells = decode_states(replay, index)["cell"]
        starts = [row * layout.width + column for row, column, _ in layout.find_cells_with("agent")]
        assert cells[0].tolist() == starts
        open_cells = layout.find_cells_with("agent", "floor")
        assert set(cells.ravel()) <= {row * layout.width + column for row, column, _ in open_cells}
        single = replay.model_copy(update={"episodes": (episode,)})
        displayed = EpisodeView.from_first_episode(single, "random", "file").mission
        assert (displayed.name, displayed.map) == (layout.name, layout.map)
    for invalid_seed in (31, None):
        data = replay.resolved()
        data["episodes"][0]["layout"] = invalid_seed
        with pytest.raises(ValueError, match=r"episodes\.0.*'layout': got"):
            Replay.model_validate(data)
