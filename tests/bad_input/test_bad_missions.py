"""Complete messages for invalid mission files."""

import pytest

from daf.missions import built_in_missions, load_mission

MAP = "map: ['####', '#@.#', '####']\n"
ROOM = "generator: room, height: 3, width: 3, agents: 1"
STATIONS = (
    "assembler, carbon_ex_dep, carbon_extractor, charger, chest, chest_carbon, chest_germanium, "
    "chest_oxygen, chest_silicon, clipped_carbon_extractor, clipped_germanium_extractor, "
    "clipped_oxygen_extractor, clipped_silicon_extractor, germanium_ex_dep, germanium_extractor, "
    "oxygen_ex_dep, oxygen_extractor, silicon_ex_dep, silicon_extractor"
)
RESOURCES = (
    "energy, carbon, oxygen, germanium, silicon, heart, decoder, modulator, resonator, scrambler"
)
SYMBOLS = "# & + . = @ B C D F G H N O P R S T c g o s"
NAME = "expected 1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit"

MISSIONS = ", ".join(built_in_missions())


def station(keys: str) -> str:
    return MAP + f"stations: {{assembler: {{{keys}}}}}\n"


def recipe(keys: str) -> str:
    return station(f"recipes: [{{}}, {{{keys}}}]")


INVALID = {
    # the map
    "empty file": ("", "keys 'map' and 'layout': got neither; expected one of them"),
    "map and layout": (MAP + "layout: {}\n",
        "keys 'map' and 'layout': got both; expected one of them"),
    "a list": ("- 1\n", "got [1]; expected a mapping of keys"),
    "map is a number": ("map: 3\n", "key 'map': got 3; expected a list"),
    "row is a number": ("map: ['@', 2]\n", "key 'map.1': got 2; expected text"),
    "no rows": ("map: []\n", "key 'map': got []; expected at least 1 item"),
    "ragged": ("map: ['###', '#@']\n",
        'key \'map\': got ["###", "#@"]; expected rows of equal length; '
        "row 1 has 3 characters, row 2 has 2"),
    "no agents": ("map: ['#.#']\n",
        "key 'map': got 0 agents; expected 1 to 64 (character '@')"),
    "65 agents": (f"map: ['{'@' * 65}']\n",
        "key 'map': got 65 agents; expected 1 to 64 (character '@')"),
    "256 wide": (f"map: ['@{'.' * 255}']\n",
        f"key 'map': got [\"@{'.' * 74}...; expected 1x1 to 255x255 cells, not 1x256"),
    "unknown character": ("map: ['@?']\n",
        f"key 'map': unknown character \"?\" in row 1; accepted: {SYMBOLS}"),
    "too many stations": (f"map: {['@' + '=' * 99] * 42}\n",
        "key 'map': got 4158 stations; expected at most 4096"),
    # the layout
    "layout is a word": ("layout: room\n",
        "key 'layout': got \"room\"; expected a mapping of its keys"),
    "unknown generator": ("layout: {generator: rom}\n",
        "key 'layout.generator': got \"rom\"; did you mean 'room'? accepted: cave, room"),
    "generator is a list": ("layout: {generator: [3]}\n",
        "key 'layout.generator': got [3]; accepted: cave, room"),
    "key of a layout": (f"layout: {{{ROOM}, stations: {{}}, sed: 1}}\n",
        "key 'layout': unknown key 'sed'; did you mean 'seed'? "
        "accepted: agents, border, generator, height, seed, stations, width"),
    "room too small for stations": (f"layout: {{{ROOM}, stations: {{chest: 2}}}}\n",
        "key 'layout': the room is too small for the 2 stations"),
    "room too small for agents": (
        "layout: {generator: room, height: 3, width: 3, agents: 9, stations: {chest: 1}}\n",
        "key 'layout': the room is too small for the 9 agents"),
    "negative count": (f"layout: {{{ROOM}, stations: {{chest: -2}}}}\n",
        "key 'layout': key 'stations.chest': got -2; expected a value >= 0"),
    "huge count": (f"layout: {{{ROOM}, stations: {{chest: 99999999999}}}}\n",
        "key 'layout': key 'stations.chest': got 99999999999; "
        "expected a value <= 4096"),
    "unknown station in a layout": (f"layout: {{{ROOM}, stations: {{chets: 1}}}}\n",
        "key 'layout.stations': unknown station \"chets\"; did you mean 'chest'? accepted: agent, "
        f"{STATIONS.replace('germanium_ex_dep', 'floor, germanium_ex_dep')}, wall"),
    # stations and recipes
    "top key": (MAP + "max_step: 3\n",
        "unknown key 'max_step'; did you mean 'max_steps'? accepted: ceiling, clipping, "
        "default_limit, description, failure_penalty, glyphs, initial_inventory, layout, legend, "
        "limits, map, max_steps, move_energy, name, regeneration, reward_caps, rewards, stations, "
        "tokens, truncates, window_height, window_width"),
    "key of a station": (station("recipez: []"),
        "unknown key 'stations.assembler.recipez'; did you mean 'recipes'? accepted: clip_immune, "
        "exhaustion, kind, max_uses, partial, recipes, starts_clipped, symbol, type_id"),
    "key of a recipe": (recipe("input: {}"),
        "unknown key 'stations.assembler.recipes.1.input'; did you mean 'inputs'? "
        "accepted: cooldown, formations, inputs, outputs"),
    "unknown resource": (recipe("inputs: {gold: 1}"),
        f"unknown key 'stations.assembler.recipes.1.inputs.gold'; accepted: {RESOURCES}"),
    "unknown resource of a chest": (MAP + "stations: {chest: {resource: hart}}\n",
        "key 'stations.chest.resource': got \"hart\"; did you mean 'heart'? "
        f"accepted: {RESOURCES}"),
    "amount is a word": (recipe("inputs: {energy: much}"),
        "key 'stations.assembler.recipes.1.inputs.energy': got \"much\"; expected a whole number"),
    "amount over a byte": (recipe("outputs: {energy: 256}"),
        "key 'stations.assembler.recipes.1.outputs.energy': got 256; "
        "expected a value <= 255"),
    "position": (recipe("formations: [[N, EN]]"),
        "key 'stations.assembler.recipes.1.formations.0.1': got \"EN\"; did you mean 'N'? "
        "accepted: NW, N, NE, W, E, SW, S, SE, any"),
    "position twice": (recipe("formations: [[N, N]]"),
        'key \'stations.assembler.recipes.1.formations\': got [["N", "N"]]; '
        "expected 1 to 8 cells in each formation, without repetition"),
    "formation is no list": (recipe("formations: [N]"),
        "key 'stations.assembler.recipes.1.formations.0': got \"N\"; expected a list"),
    "huge cooldown": (recipe("cooldown: 99999999999"),
        "key 'stations.assembler.recipes.1.cooldown': got 99999999999; "
        "expected a value <= 1000000"),
    "unknown station": (MAP + "stations: {asembler: {}}\n",
        "key 'stations': unknown station \"asembler\"; did you mean 'assembler'? "
        f"accepted: {STATIONS}, or a new station with its 'kind'"),
    "station is a number": (MAP + "stations: {assembler: 3}\n",
        "key 'stations.assembler': got 3; expected a mapping of its keys"),
    "stations are a list": (MAP + "stations: [assembler]\n",
        'key \'stations\': got ["assembler"]; expected a mapping of names to stations'),
    "kind": (MAP + "stations: {mill: {kind: chst}}\n",
        "key 'stations.mill.kind': got \"chst\"; did you mean 'chest'? accepted: assembler, chest"),
    "new station without id": (MAP + "stations: {mill: {kind: assembler, symbol: M}}\n",
        "key 'stations.mill.type_id' is missing; required: type_id, symbol"),
    "symbol taken": (MAP + 'stations: {mill: {kind: assembler, type_id: 99, symbol: "&"}}\n',
        f"key 'stations.mill.symbol': got \"&\", which is already 'assembler'; taken: {SYMBOLS}"),
    "symbol of two characters": (station("symbol: AA"),
        "key 'stations.assembler.symbol': got \"AA\"; expected at most 1 character"),
    "more than it holds": (MAP + "stations: {chest: {initial: 9, capacity: 3}}\n",
        "key 'stations.chest': initial: got 9; expected at most capacity, which is 3"),
    "side no agent can use": (MAP + "stations: {chest: {sides: {any: 1}}}\n",
        "unknown key 'stations.chest.sides.any'; accepted: N, W, E, S"),
    # legend, rewards, limits
    "legend symbol too long": (MAP + "legend: {xx: wall}\n",
        "key 'legend.xx': got \"xx\"; expected at most 1 character"),
    "legend symbol a number": (MAP + "legend: {1: wall}\n",
        "key 'legend': got the key 1; expected text; put it in quotes"),
    "legend is a list": (MAP + "legend: [x]\n",
        'key \'legend\': got ["x"]; expected a mapping of characters to names'),
    "even window": (MAP + "window_height: 10\n",
        "key 'window_height': got 10; expected an odd number, so that the window has a center"),
    "negative steps": (MAP + "max_steps: -1\n",
        "key 'max_steps': got -1; expected a value >= 0"),
    "unknown statistic": (MAP + "rewards: {chest.hart.amount: 1}\n",
        "key 'rewards': unknown statistic 'chest.hart.amount'; "
        "accepted: chest.RESOURCE.amount, RESOURCE.gained"),
    "cap without reward": (MAP + "reward_caps: {chest.heart.amont: 1}\n",
        "unknown key 'reward_caps.chest.heart.amont'; did you mean 'chest.heart.amount'? "
        "accepted: chest.heart.amount"),
    "weight beyond float32": (MAP + "rewards: {heart.gained: 1.0e+300}\n",
        "key 'rewards.heart.gained': got 1e+300; expected a value <= 1000000000"),
    "name of a layout": (MAP + "name: mine@7\n",
        "key 'name': got \"mine@7\"; expected no '@' and number"),
    "border that leaves no floor": (f"layout: {{{ROOM}, stations: {{}}, border: 0}}\n",
        "key 'layout': key 'border': got 0; expected a value >= 1"),
    "border beyond the map": (f"layout: {{{ROOM}, stations: {{}}, border: 127}}\n",
        f"key 'map': got [\"{'#' * 75}...; expected 1x1 to 255x255 cells, not 257x257"),
    "no repairs": (MAP + "clipping: {repairs: []}\n",
        "key 'clipping.repairs': got []; expected at least 1 item"),
    # other missions
    "extends a number": ("extends: 3\n", "key 'extends': got 3; expected the name of a mission"),
    "extends what is not there": ("extends: assembler_9\n",
        "key 'extends': unknown mission \"assembler_9\"; did you mean 'assembler_2'? "
        f"accepted: {MISSIONS}, or the path of a .yaml file"),
    "extends and draws": ("extends: assembler_1\nmap: ['@']\nlayout: {}\n",
        "keys 'map' and 'layout': got both; expected one of them"),
    "another layout of a map": ("extends: training_facility_1@3\n",
        "got '@3' for a mission without 'layout'; expected a mission with a layout"),
    "keys of another layout": ("extends: assembler_1\nlayout: {open: 40}\n",
        "key 'layout': unknown key 'open'; "
        "accepted: agents, border, generator, height, seed, stations, width"),
    "a seed that is none": (f"layout: {{{ROOM}, stations: {{}}, seed: -1}}\n",
        "key 'layout': key 'seed': got -1; "
        "expected a whole number >= 0, or FIRST-LAST for several layouts"),
    "layouts backwards": ("extends: assembler_2@9-3\n",
        "key 'layout': key 'seed': got \"9-3\"; expected FIRST <= LAST, such as 1-1000"),
    "too many layouts": ("extends: assembler_2@1-10001\n",
        "key 'layout': key 'seed': got \"1-10001\"; "
        "expected at most 10000 layouts, not 10001"),
    "too many layouts for their size": ("extends: machina_3@1-1200\n",
        "key 'layout': key 'seed': got \"1-1200\"; "
        "expected at most 1133 layouts of this size, not 1200"),
    "a layout without walls": (f"layout: {{{ROOM}, stations: {{}}}}\nlegend: {{'#': chest}}\n",
        "key 'legend': expected a character for 'wall' in a layout"),
    "layouts of a map": ("extends: training_facility_1@1-3\n",
        "got '@1-3' for a mission without 'layout'; expected a mission with a layout"),
    # Two stations that do not touch fit into a room of 3 x 5 cells only if the first leaves room.
    "one of its layouts cannot be": (
        "layout: {generator: room, height: 3, width: 5, agents: 1, seed: 0-20, "
        "stations: {chest: 2}}\n",
        "layout seed 1: key 'layout': the room is too small for the 2 stations"),
    "name with dots and slashes": (MAP + "name: ../x\n", f"key 'name': got \"../x\"; {NAME}"),
}  # fmt: skip


@pytest.mark.parametrize("name", INVALID)
def test_message(name, tmp_path, refused):
    text, message = INVALID[name]
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert refused(load_mission, path) == f"{path}: {message}"


def test_file_name_is_the_mission_name(tmp_path, refused):
    path = tmp_path / "my mission.yaml"
    path.write_text(MAP)
    assert refused(load_mission, path) == f"{path}: key 'name': got \"my mission\"; {NAME}"


def test_missing_file(tmp_path, refused):
    path = tmp_path / "nowhere.yaml"
    assert refused(load_mission, path) == f"{path}: cannot be read (No such file or directory)"


def test_unknown_mission(refused):
    assert refused(load_mission, "assembler_3") == (
        f"unknown mission \"assembler_3\"; did you mean 'assembler_2'? accepted: {MISSIONS}, "
        "or the path of a .yaml file"
    )


@pytest.mark.parametrize("seed", ["x", "-1", "007", "1e3", "", "1234567890", "1-", "1-03"])
def test_invalid_layout_seeds(seed, refused):
    assert refused(load_mission, f"assembler_2@{seed}") == (
        f"unknown mission \"assembler_2@{seed}\"; expected a layout seed behind '@', "
        "such as assembler_2@7, or a range of seeds, such as assembler_2@1-1000"
    )


def test_layout_seed_of_a_map(tmp_path, refused):
    path = tmp_path / "mine.yaml"
    path.write_text(MAP)
    assert refused(load_mission, f"{path}@3") == (
        f"{path}@3: got '@3' for a mission without 'layout'; expected a mission with a layout"
    )


def test_extends_cycle(tmp_path, refused):
    for name, base in (("a", "b"), ("b", "deep/c"), ("deep/c", "../a")):
        path = tmp_path / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"extends: {base}.yaml\n")
    assert refused(load_mission, tmp_path / "a.yaml") == (
        f"{tmp_path}/a.yaml: key 'extends': got \"b.yaml\", which extends itself through "
        '"b.yaml", "c.yaml", "a.yaml"'
    )


def test_error_in_base_mission_names_its_file(tmp_path, refused):
    path = tmp_path / "mine.yaml"
    path.write_text("extends: base.yaml\n")
    base = tmp_path / "base.yaml"
    line = f"{path}: key 'extends': {base}: "
    assert refused(load_mission, path) == line + "cannot be read (No such file or directory)"
    base.write_text("[1]")
    assert refused(load_mission, path) == line + "got [1]; expected a mapping of keys"


def test_example_map_is_valid(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(MAP)
    assert load_mission(path).num_agents == 1
