"""Frames of a recorded episode, with the glyphs and colors of the report's replay viewer."""

from typing import TYPE_CHECKING

import numpy as np

from daf.errors import ConfigError
from daf.evaluation.replay import Episode, Replay, RunLengths
from daf.export.names import printable_line
from daf.missions import RESOURCES
from daf.missions.world_image import ACCENT, FLOOR, INK, PAGE, SOFT, WorldPainter, WorldSnapshot

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

MAP_PIXELS, MIN_CELL_PIXELS, MAX_CELL_PIXELS = 640, 2, 48
"""Aimed length of the longer side of the map, and limits of the side of a cell."""

MARGIN, LINE_HEIGHT, BAR_HEIGHT, FONT_PIXELS = 12, 24, 4, 15
MIN_WIDTH = 320
MAX_PIXELS = 2**29
"""Maximum number of pixels of all frames together, which bounds memory and time."""

DRAWN_STATES = frozenset(
    ("cell", "orientation", "inventory", "cooldown_end", "uses", "stock", "repair", "score")
)
"""Fields of the recorded states that a frame shows."""


class EpisodeFramePainter:
    """Frames of a recorded episode.

    Args:
        replay: replay of the episode.
        episode: episode of this replay.

    Attributes:
        size: width and height of a frame in pixels, both even.
    """

    def __init__(self, replay: Replay, episode: Episode):
        layout = episode.layout
        mission = replay.mission if layout is None else replay.mission.select_layout(layout)
        self._episode, self._mission = episode, mission
        self._title = printable_line(f"{replay.policy} on {mission.name}")
        self._states = {
            name: _decode_state_columns(runs, episode.steps)
            for name, runs in episode.states
            if name in DRAWN_STATES
        }
        longest_side = max(mission.height, mission.width)
        cell_pixels = min(max(MAP_PIXELS // longest_side, MIN_CELL_PIXELS), MAX_CELL_PIXELS)
        self._painter = WorldPainter(mission, mission.map, cell_pixels, is_cropped=True)
        width, height = self._painter.picture_size_in_pixels
        width = max(width, MIN_WIDTH) + 2 * MARGIN
        height += 2 * MARGIN + 2 * LINE_HEIGHT + BAR_HEIGHT
        self.size = (width + width % 2, height + height % 2)  # videos need even sizes

    def select_steps(self, num_frames: int | None) -> list[int]:
        """Return the step of each frame, evenly spaced from the first to the last state.

        Args:
            num_frames: number of frames; None for all states.

        Raises:
            ConfigError: more frames than states, none, or more pixels than the limit.
        """
        last = self._episode.steps
        count = last + 1 if num_frames is None else num_frames
        largest = min(last + 1, MAX_PIXELS // (self.size[0] * self.size[1]))
        if not 1 <= count <= largest:
            raise ConfigError(f"frames: got {count}; expected 1 to {largest}")
        if count == 1:
            return [last]
        return [(frame * last + (count - 1) // 2) // (count - 1) for frame in range(count)]

    def draw_frame(self, step: int) -> "Image":
        """Return the frame of a step: title, map, step, score and the elapsed part."""
        from PIL import Image, ImageDraw

        width, height = self.size
        frame = Image.new("RGB", self.size, PAGE)
        world_image = self._painter.paint(self._build_world_snapshot(step))
        frame.paste(world_image, ((width - world_image.width) // 2, MARGIN + LINE_HEIGHT))
        draw = ImageDraw.Draw(frame)
        last = self._episode.steps
        name = "final score" if step == last else "score"
        score = f"{name} {self._states['score'][step, 0]}"
        bottom = height - BAR_HEIGHT - LINE_HEIGHT
        _draw_truncated_text(draw, self._title, (MARGIN, MARGIN), width - 2 * MARGIN, SOFT)
        _draw_truncated_text(draw, f"step {step} of {last}", (MARGIN, bottom), width, INK)
        _draw_truncated_text(draw, score, (width - MARGIN, bottom), width, ACCENT, anchor="rm")
        elapsed = width if last == 0 else round(width * step / last)
        draw.rectangle((0, height - BAR_HEIGHT, width, height), fill=FLOOR)
        if elapsed:
            draw.rectangle((0, height - BAR_HEIGHT, elapsed - 1, height), fill=ACCENT)
        return frame

    def _build_world_snapshot(self, step: int) -> WorldSnapshot:
        states = {name: columns[step] for name, columns in self._states.items()}
        return WorldSnapshot(
            step=step,
            position=np.stack(np.divmod(states["cell"], self._mission.width), axis=1),
            orientation=states["orientation"],
            inventory=states["inventory"].reshape(-1, len(RESOURCES)),
            cooldown_end=states["cooldown_end"].astype(np.int32).view(np.uint32),
            use_counts=states["uses"],
            chest_stock=states["stock"],
            repair_recipe_index=states["repair"],
        )


def _decode_state_columns(run_lengths: RunLengths, num_steps: int) -> np.ndarray:
    """Return a field of the states as an array int64 [L + 1, columns]."""
    values = np.repeat(np.array(run_lengths.values, dtype=np.int64), run_lengths.repeats)
    return values.reshape(-1, num_steps + 1).T


def _draw_truncated_text(
    draw: "ImageDraw",
    text: str,
    position: tuple[float, float],
    width: float,
    text_color: str,
    anchor: str = "lm",
) -> None:
    """Draw a line of text, cut to a width in pixels."""
    from PIL import ImageFont

    font = ImageFont.load_default(FONT_PIXELS)
    while len(text) > 1 and font.getlength(text) > width:
        text = text[:-2] + "…"
    draw.text(
        (position[0], position[1] + LINE_HEIGHT / 2 - 2),
        text,
        fill=text_color,
        font=font,
        anchor=anchor,
    )
