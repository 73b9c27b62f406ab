"""A mission of several layouts: each world plays the one that its seed draws, exactly as it would
play the mission of that layout alone."""

import pytest
import torch

from daf.config import EvaluationConfig
from daf.evaluation.evaluate import evaluate
from daf.evaluation.replay import Replay
from daf.missions import load_mission
from daf.report.episode_player import EpisodeView
from daf.sim.simulation import Simulation
from tests.sim.test_replay import random_player, replayed

BASES = {
    "plain": "extends: assembler_2\n",
    # Stations that start clipped, are clipped and repaired by chance, and spread it.
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
def test_a_world_plays_as_the_mission_of_the_layout_it_drew(tmp_path, base):
    path = tmp_path / "mine.yaml"
    path.write_text(BASES[base] + "max_steps: 40\n")
    worlds, last = 16, 8
    together = Simulation(load_mission(f"{path}@2-{last}"), worlds, seed=3, auto_reset=True)
    actions = moves(worlds, together.num_agents, 90)
    seen, begun = [together.observations.clone()], [together.state.world_seed.clone()]
    layouts, told = [together.state.layout.clone()], []
    for step in actions:
        together.step(step)
        seen.append(together.observations.clone())
        told.append((together.rewards.clone(), together.counters.clone()))
        if (together.state.now == 0).all():
            layouts.append(together.state.layout.clone())
            begun.append(together.state.world_seed.clone())
    assert len(begun) == 3 and not torch.equal(layouts[0], layouts[1])
    for number in range(last - 1):
        alone = Simulation(load_mission(f"{path}@{2 + number}"), worlds, auto_reset=False)
        for episode, (seeds, drawn) in enumerate(zip(begun, layouts)):
            mine = drawn == number
            alone.reset(world_seeds=seeds)
            for t in range(40 * episode, min(40 * episode + 40, len(actions))):
                assert torch.equal(seen[t][mine], alone.observations[mine]), (number, t)
                alone.step(actions[t])
                if t % 40 < 39:  # the step that ends an episode also begins the next
                    for whole, own in zip(told[t], (alone.rewards, alone.counters)):
                        assert torch.equal(whole[mine], own[mine]), (number, t)
    assert torch.stack(layouts).unique().numel() == last - 1


def test_which_layout_is_drawn_depends_on_the_world_seed_alone():
    mission = load_mission("assembler_2@1-50")
    many = Simulation(mission, 400, seed=1)
    other = Simulation(mission, 7, seed=99, first_world=5, threads=1)
    other.reset(world_seeds=many.state.world_seed[100:107].clone())
    assert torch.equal(other.state.layout, many.state.layout[100:107])
    assert torch.equal(other.observations, many.observations[100:107])
    shown = load_mission("training_facility_1_shuffled@7-56")  # it does not depend on the mission
    assert torch.equal(Simulation(shown, 400, seed=1).state.layout, many.state.layout)


def test_all_layouts_are_drawn_alike():
    simulation = Simulation(load_mission("assembler_2@1-20"), 4000, seed=4)
    counts = torch.bincount(simulation.state.layout.long(), minlength=20)
    assert counts.shape == (20,)
    assert ((counts - 200) ** 2 / 200).sum() < 43.8  # 99.9 % point, 19 degrees of freedom
    before = simulation.state.layout.clone()
    simulation.reset()
    assert 100 < (simulation.state.layout == before).sum() < 300  # one in twenty keeps its layout


def test_saved_worlds_go_on_in_their_layouts():
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


def test_a_recorded_episode_is_shown_in_the_layout_that_was_played(tmp_path):
    mission = load_mission("assembler_2@1-30").model_copy(update={"max_steps": 40})
    recording = evaluate(
        random_player(), mission, EvaluationConfig(episodes=6, recorded_episodes=6)
    )[1]
    recording.write(tmp_path / "some.replay.json")
    assert Replay.read(tmp_path / "some.replay.json") == recording
    played = {episode.layout for episode in recording.episodes}
    assert len(played) > 2 and played <= set(range(1, 31))
    for number, episode in enumerate(recording.episodes):
        layout = load_mission(f"assembler_2@{episode.layout}")
        cells = replayed(recording, number)["cell"]
        starts = [row * layout.width + column for row, column, _ in layout.cells_with("agent")]
        assert cells[0].tolist() == starts
        open_cells = layout.cells_with("agent", "floor")
        assert set(cells.ravel()) <= {row * layout.width + column for row, column, _ in open_cells}
        single = recording.model_copy(update={"episodes": (episode,)})
        shown = EpisodeView.first_of(single, "random", "file").mission
        assert (shown.name, shown.map) == (layout.name, layout.map)
    for wrong in (31, None):
        data = recording.resolved()
        data["episodes"][0]["layout"] = wrong
        with pytest.raises(ValueError, match=r"episodes\.0.*'layout': got"):
            Replay.model_validate(data)
