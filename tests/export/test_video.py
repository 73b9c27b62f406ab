"""Videos of recorded episodes: frames, texts, formats, and hostile replays."""

import json
import re
import stat
import sys
from pathlib import Path

import pytest

import daf.export.video as video
from daf.config import ConfigError
from daf.evaluation.replay import Replay
from daf.export import episode_film
from daf.export.episode_film import EpisodeFramePainter
from daf.export.video import export_video
from daf.missions import world_image
from tests.report.recorded import SCRIPT, scripted

extras = pytest.mark.extras
STATES = len(SCRIPT) + 1


@pytest.fixture
def replay_file(tmp_path) -> Path:
    path = tmp_path / "episode.replay.json"
    scripted().write(path)
    return path


def gif_frames(path: Path) -> list:
    from PIL import Image

    frames = []
    with Image.open(path) as image:
        for index in range(image.n_frames):
            image.seek(index)
            frames.append((image.convert("RGB"), image.info["duration"]))
    return frames


@extras
@pytest.mark.parametrize("frames", [None, 1, 2, 7, STATES])
def test_gif_has_as_many_frames_as_asked(replay_file, tmp_path, frames):
    export_video(replay_file, tmp_path / "a.gif", num_frames=frames, seconds_per_frame=0.5)
    shown = gif_frames(tmp_path / "a.gif")
    assert len(shown) == (frames or STATES)
    assert [duration for _, duration in shown[:-1]] == [500] * (len(shown) - 1)
    assert shown[-1][1] == 2000


@extras
def test_last_frame_shows_the_final_score(replay_file, tmp_path, monkeypatch):
    texts: list[str] = []
    draw_line = episode_film._draw_truncated_text

    def record(draw, text, *arguments, **options):
        texts.append(text)
        draw_line(draw, text, *arguments, **options)

    monkeypatch.setattr(episode_film, "_draw_truncated_text", record)
    export_video(replay_file, tmp_path / "a.gif", num_frames=3)
    title = "by hand on by_hand"
    assert texts == [
        *(title, "step 0 of 10", "score 0"),
        *(title, "step 5 of 10", "score 0"),
        *(title, "step 10 of 10", "final score 1"),
    ]


@extras
def test_gif_shows_the_frames_as_drawn(replay_file, tmp_path):
    """Frames of the file are the drawn ones, up to the colors of the palette."""
    from PIL import ImageChops

    export_video(replay_file, tmp_path / "a.gif")
    replay = Replay.read(replay_file)
    film = EpisodeFramePainter(replay, replay.episodes[0])
    for step, (shown, _) in enumerate(gif_frames(tmp_path / "a.gif")):
        difference = ImageChops.difference(shown, film.draw_frame(step)).convert("L")
        pixels = difference.histogram()
        assert sum(pixels[64:]) < 0.005 * sum(pixels)


@extras
def test_equal_episodes_give_equal_bytes(replay_file, tmp_path):
    for name in ("a.gif", "b.gif"):
        export_video(replay_file, tmp_path / name)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


@extras
@pytest.mark.parametrize("glyph", ["heart", "clipped", "agent"])
def test_glyphs_of_the_viewer(replay_file, glyph):
    """A carried heart, a clipped station and an agent have the colors of the viewer."""
    replay = Replay.read(replay_file)
    film = EpisodeFramePainter(replay, replay.episodes[0])

    def count(step: int, color: str) -> int:
        image, rgb = film.draw_frame(step), tuple(bytes.fromhex(color[1:]))
        return sum(number for number, pixel in image.getcolors(2**20) if pixel == rgb)

    if glyph == "heart":
        assert count(1, world_image.HEART) == 0 < count(2, world_image.HEART)
    elif glyph == "clipped":
        # germanium extractor, used up at step 3: one stroke; charger, clipped at step 5: two more
        strokes = [count(step, world_image.CROSS) for step in (2, 3, 5)]
        assert strokes[0] == 0 < strokes[1] and 2.5 < strokes[2] / strokes[1] < 3.5
    else:
        assert all(count(0, color) for color in world_image.AGENT_COLORS[:2])


def test_colors_are_those_of_the_report():
    css = Path(world_image.__file__).parents[1].joinpath("report/templates/report.css").read_text()
    light = dict(re.findall(r"--([a-z0-9]+): (#[0-9a-f]{6})", css.split("@media")[0]))
    assert [light[f"s{index}"] for index in range(8)] == list(world_image.AGENT_COLORS)
    names = ("floor", "wall", "ink", "soft", "page", "accent", "ceiling")
    assert [light[name] for name in names] == [
        *(world_image.FLOOR, world_image.WALL, world_image.INK, world_image.SOFT),
        *(world_image.PAGE, world_image.ACCENT, world_image.CROSS),
    ]
    stations = dict(re.findall(r"\.k(\d) \{ fill: (#[0-9a-f]{6})", css))
    assert [stations[str(index)] for index in range(8)] == list(world_image.STATION_COLORS)


FAKE_FFMPEG = """#!{python}
import json, sys
frames = sys.stdin.buffer.read()
with open(sys.argv[-1], "w") as file:
    json.dump({{"arguments": sys.argv[1:], "bytes": len(frames)}}, file)
"""


def install_program(folder: Path, text: str, monkeypatch) -> None:
    folder.mkdir()
    program = folder / "ffmpeg"
    program.write_text(text)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))


@extras
def test_mp4_goes_through_ffmpeg(replay_file, tmp_path, monkeypatch):
    text = FAKE_FFMPEG.format(python=sys.executable)
    install_program(tmp_path / "bin", text, monkeypatch)
    export_video(replay_file, tmp_path / "a.mp4", num_frames=4, seconds_per_frame=0.25)
    call = json.loads((tmp_path / "a.mp4").read_text())
    replay = Replay.read(replay_file)
    width, height = EpisodeFramePainter(replay, replay.episodes[0]).size
    assert width % 2 == height % 2 == 0 and call["bytes"] == 4 * width * height * 3
    options = dict(zip(call["arguments"], call["arguments"][1:]))
    assert options["-s"] == f"{width}x{height}" and options["-framerate"] == "4"
    assert options["-f"] == "mp4" and options["-pix_fmt"] == "yuv420p"


@extras
def test_errors_of_ffmpeg_are_one_line(replay_file, tmp_path, monkeypatch):
    program = "#!/bin/sh\necho first >&2; echo 'Unknown encoder' >&2; exit 3\n"
    install_program(tmp_path / "bin", program, monkeypatch)
    with pytest.raises(ConfigError, match=r"a.mp4: ffmpeg failed \(Unknown encoder\)"):
        export_video(replay_file, tmp_path / "a.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "episode.replay.json"]


@extras
def test_mp4_of_the_packaged_ffmpeg(replay_file, tmp_path, monkeypatch):
    import imageio_ffmpeg

    monkeypatch.setenv("PATH", "")
    for name in ("a.mp4", "b.mp4"):
        export_video(replay_file, tmp_path / name, num_frames=5, seconds_per_frame=0.5)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    count, seconds = imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "a.mp4"))
    assert count == 5 and seconds == pytest.approx(2.5, abs=0.1)


@extras
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_frames": 0}, "frames: got 0; expected 1 to 11"),
        ({"num_frames": 12}, "frames: got 12; expected 1 to 11"),
        ({"episode": 1}, "got episode 1; expected 0 to 0"),
        ({"episode": -1}, "got episode -1; expected 0 to 0"),
        ({"seconds_per_frame": 0.001}, "seconds per frame: got 0.001; expected 0.02 to 10"),
        ({"seconds_per_frame": float("nan")}, "seconds per frame: got nan"),
    ],
)
def test_invalid_arguments(replay_file, tmp_path, arguments, message):
    with pytest.raises(ConfigError, match=message):
        export_video(replay_file, tmp_path / "a.gif", **arguments)
    assert not (tmp_path / "a.gif").exists()


@extras
def test_number_of_pixels_is_bounded(replay_file, tmp_path, monkeypatch):
    replay = Replay.read(replay_file)
    width, height = EpisodeFramePainter(replay, replay.episodes[0]).size
    monkeypatch.setattr(episode_film, "MAX_PIXELS", 5 * width * height)
    with pytest.raises(ConfigError, match="frames: got 11; expected 1 to 5"):
        export_video(replay_file, tmp_path / "a.gif")


@extras
def test_hostile_replays(replay_file, tmp_path):
    data = json.loads(replay_file.read_text())
    data["episodes"][0]["states"]["cell"]["values"][0] = 10**6
    replay_file.write_text(json.dumps(data))
    with pytest.raises(ConfigError, match=r"states\.cell.*got 1000000"):
        export_video(replay_file, tmp_path / "a.gif")
    scripted("a\n\x1b[31m" + "b" * 190).write(replay_file)
    export_video(replay_file, tmp_path / "a.gif", num_frames=2)
    assert len(gif_frames(tmp_path / "a.gif")) == 2


def test_other_formats_are_refused(replay_file, tmp_path):
    with pytest.raises(ConfigError, match=r"a.avi: got suffix '.avi'; expected .gif or .mp4"):
        export_video(replay_file, tmp_path / "a.avi")


@pytest.mark.parametrize(
    ("name", "missing", "message"),
    [
        ("a.gif", "PIL", "package 'pillow' is missing; pip install 'daf[video]'"),
        ("a.mp4", "imageio_ffmpeg", "ffmpeg is not installed; pip install 'daf[video]'"),
    ],
)
def test_missing_programs(replay_file, tmp_path, monkeypatch, name, missing, message):
    monkeypatch.setattr(video, "find_spec", lambda package: None if package == missing else True)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match=re.escape(message)):
        export_video(replay_file, tmp_path / name)
