"""Videos of recorded episodes, with the glyphs and colors of the report's replay viewer."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from daf.errors import ConfigError
from daf.evaluation.replay import Replay
from daf.export.episode_film import EpisodeFramePainter
from daf.export.names import printable_line
from daf.files.safe_write import atomic_write, temporary_path
from daf.missions.world_image import (
    ACCENT,
    AGENT_COLORS,
    CROSS,
    FLOOR,
    HEART,
    INK,
    LETTER,
    PAGE,
    SOFT,
    STATION_COLORS,
    WALL,
    mix_colors,
)

if TYPE_CHECKING:
    from PIL.Image import Image

MIN_SECONDS_PER_FRAME, MAX_SECONDS_PER_FRAME = 0.02, 10.0
LAST_FRAME_SECONDS = 2.0
"""Time that a GIF shows its last frame, with the final score, before it starts again."""


def export_video(
    replay_file: str | Path,
    output_file: str | Path,
    num_frames: int | None = None,
    seconds_per_frame: float = 0.125,
    episode: int = 0,
) -> None:
    """Write a recorded episode as a GIF, or as an MP4 if ffmpeg is installed.

    Every frame shows step and score, the last one the final score.

    Args:
        replay_file: path of the `*.replay.json`.
        output_file: path of the video; its suffix `.gif` or `.mp4` gives the format.
        num_frames: number of frames, evenly spaced over the episode; None for every step.
        seconds_per_frame: duration of a frame.
        episode: index of the episode in the replay.

    Raises:
        ConfigError: invalid replay or argument, or a missing program; one line.
        OSError: the video cannot be written.
    """
    output_file = Path(output_file)
    suffix = output_file.suffix.lower()
    if suffix not in (".gif", ".mp4"):
        raise ConfigError(f"{output_file}: got suffix '{suffix}'; expected .gif or .mp4")
    if not MIN_SECONDS_PER_FRAME <= seconds_per_frame <= MAX_SECONDS_PER_FRAME:
        raise ConfigError(
            f"seconds per frame: got {seconds_per_frame:g}; expected "
            f"{MIN_SECONDS_PER_FRAME:g} to {MAX_SECONDS_PER_FRAME:g}"
        )
    if find_spec("PIL") is None:
        raise ConfigError(f"{output_file}: package 'pillow' is missing; pip install 'daf[video]'")
    ffmpeg = _find_ffmpeg(output_file) if suffix == ".mp4" else None
    replay = Replay.read(replay_file)
    if not 0 <= episode < len(replay.episodes):
        raise ConfigError(
            f"{replay_file}: got episode {episode}; expected 0 to {len(replay.episodes) - 1}"
        )
    film = EpisodeFramePainter(replay, replay.episodes[episode])
    steps = film.select_steps(num_frames)
    if ffmpeg is None:
        _write_gif(output_file, film, steps, seconds_per_frame)
    else:
        _write_mp4(output_file, film, steps, seconds_per_frame, ffmpeg)


def _write_gif(
    output_file: Path, film: EpisodeFramePainter, steps: Sequence[int], seconds_per_frame: float
) -> None:
    palette = _build_palette()

    def draw_frames() -> Iterator["Image"]:
        from PIL import Image

        for step in steps:
            yield film.draw_frame(step).quantize(palette=palette, dither=Image.Dither.NONE)

    images = draw_frames()
    milliseconds = [round(1000 * seconds_per_frame)] * len(steps)
    milliseconds[-1] = max(milliseconds[-1], round(1000 * LAST_FRAME_SECONDS))
    with atomic_write(output_file) as file:
        next(images).save(
            file,
            format="GIF",
            save_all=True,
            append_images=images,
            duration=milliseconds,
            loop=0,
            optimize=False,
        )


def _build_palette() -> "Image":
    """Return a palette image of all colors, and of their mixtures at antialiased edges."""
    from PIL import Image

    grounds = (FLOOR, PAGE, WALL)
    inks = (*AGENT_COLORS, *STATION_COLORS, INK, SOFT, ACCENT, CROSS, HEART, LETTER)
    pale = [mix_colors(color, FLOOR, 0.4) for color in STATION_COLORS]
    colors = [*grounds, *inks, *pale]
    mixtures = [
        mix_colors(ink, ground, share)
        for share in (0.5, 0.25, 0.75)
        for ground in grounds[:2]
        for ink in inks
    ]
    mixtures += [mix_colors(LETTER, color, 0.5) for color in (*STATION_COLORS, *pale)]
    mixtures += [mix_colors(PAGE, color, 0.5) for color in AGENT_COLORS]
    colors = list(dict.fromkeys([*colors, *mixtures]))[:256]
    image = Image.new("P", (1, 1))
    image.putpalette(b"".join(bytes.fromhex(color[1:]) for color in colors))
    return image


def _find_ffmpeg(output_file_for_error: Path) -> str:
    """Return the path of ffmpeg: the installed program, else the one of `imageio-ffmpeg`.

    Raises:
        ConfigError: there is none.
    """
    program = shutil.which("ffmpeg")
    if program is None and find_spec("imageio_ffmpeg") is not None:
        import imageio_ffmpeg

        program = imageio_ffmpeg.get_ffmpeg_exe()
    if program is None:
        raise ConfigError(
            f"{output_file_for_error}: ffmpeg is not installed; "
            "pip install 'daf[video]', or write a .gif"
        )
    return program


def _write_mp4(
    output_file: Path,
    film: EpisodeFramePainter,
    steps: Sequence[int],
    seconds_per_frame: float,
    ffmpeg: str,
) -> None:
    width, height = film.size
    temporary = temporary_path(output_file)
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    source += ["-framerate", f"{1 / seconds_per_frame:.6g}", "-i", "-"]
    # One thread and no metadata: equal episodes give equal bytes.
    encoder = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "18", "-threads", "1"]
    encoder += ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-movflags", "+faststart"]
    command = [ffmpeg, "-nostdin", "-loglevel", "error", "-y", *source, *encoder]
    command += ["-f", "mp4", str(temporary.absolute())]
    try:
        with temporary.open("xb"):  # before ffmpeg, whose errors name no cause
            pass
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors
            )
            _feed_frames(process, film, steps)
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
        if process.returncode:
            reason = printable_line(lines[-1]) if lines else f"status {process.returncode}"
            raise ConfigError(f"{output_file}: ffmpeg failed ({reason})")
        temporary.replace(output_file)
    finally:
        temporary.unlink(missing_ok=True)


def _feed_frames(
    process: subprocess.Popen, film: EpisodeFramePainter, steps: Sequence[int]
) -> None:
    """Write all frames to ffmpeg, and wait for its end."""
    assert process.stdin is not None
    # After an error, ffmpeg reads no further frames; its exit status and errors tell why.
    with contextlib.suppress(BrokenPipeError), process.stdin:
        for step in steps:
            process.stdin.write(film.draw_frame(step).tobytes())
    process.wait()
