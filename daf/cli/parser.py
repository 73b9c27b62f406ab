"""Parsing of command lines in which a list option may stand before a positional argument."""

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any

from daf.policies.registry import METTAGRID, SHORT_NAMES


class Parser(argparse.ArgumentParser):
    """A parser whose list options end where a value is none of theirs.

    `--missions assembler_1 stateless` has one mission; argparse alone would find two.
    """

    def __init__(self, *arguments: Any, **more: Any):
        super().__init__(*arguments, **more)
        self._fits: dict[str, Callable[[str], bool]] = {}

    def add_list(self, *flags: str, fits: Callable[[str], bool], **more: Any) -> None:
        """Add an option with several values, which may also be repeated.

        Args:
            fits: whether a text can be one of its values.
        """
        self.add_argument(*flags, nargs="+", action="extend", **more)
        self._fits |= dict.fromkeys(flags, fits)

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        return super().parse_known_args(None if args is None else self._sorted(args), namespace)

    def _sorted(self, args: Sequence[str]) -> list[str]:
        """Positional arguments first, in their order; as it is where that cannot be told."""
        if "--" in args or self._subparsers is not None:
            return list(args)
        positional, options, waiting = [], [], list(args)
        while waiting:
            word = waiting.pop(0)
            if not word.startswith("-") or word == "-":
                positional.append(word)
                continue
            options.append(word)
            flag, equals, _ = word.partition("=")
            action = self._option_string_actions.get(flag)
            if action is None:  # an abbreviation, or a mistake
                return list(args)
            if flag in self._fits:
                fits = self._fits[flag]
                # The first value is its own whatever it is, so that the error speaks of it.
                while waiting and not waiting[0].startswith("-"):
                    if not fits(waiting[0]) and (equals or options[-1] != word):
                        break
                    options.append(waiting.pop(0))
            elif action.nargs is None and not equals and waiting:
                options.append(waiting.pop(0))
        return [*positional, *options]


def is_setting(text: str) -> bool:
    """Whether a text can be KEY=VALUE."""
    return "=" in text


def is_seed(text: str) -> bool:
    """Whether a text can be a seed."""
    return re.fullmatch(r"[-+]?[0-9]+", text) is not None


def is_mission(text: str) -> bool:
    """Whether a text can name a mission: a file, or no policy."""
    return re.search(r"\.ya?ml(@|$)", text) is not None or not is_policy(text)


def is_policy(text: str) -> bool:
    """Whether a text can only name a policy."""
    class_path = text.partition("@")[0]
    if class_path in SHORT_NAMES or class_path.startswith(METTAGRID) or ":" in class_path:
        return True
    return re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", class_path) is not None
