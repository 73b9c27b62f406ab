"""Command line parser that supports list options before positional arguments."""

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any

from daf.policies.registry import METTAGRID_PREFIX, SHORT_NAMES


class ListOptionParser(argparse.ArgumentParser):
    """Argument parser whose list options end at the first value that they do not accept.

    `--missions assembler_1 stateless` has one mission; plain argparse parses two.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._is_value_by_flag: dict[str, Callable[[str], bool]] = {}

    def add_list_option(self, *flags: str, is_value: Callable[[str], bool], **kwargs: Any) -> None:
        """Add an option with several values, which can also be repeated.

        Args:
            flags: names of the option.
            is_value: predicate of values of the option.
            kwargs: arguments of `add_argument`.
        """
        self.add_argument(*flags, nargs="+", action="extend", **kwargs)
        self._is_value_by_flag |= dict.fromkeys(flags, is_value)

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        """Parse the arguments after moving positional arguments to the front."""
        return super().parse_known_args(
            None if args is None else self._move_positionals_first(args), namespace
        )

    def _move_positionals_first(self, args: Sequence[str]) -> list[str]:
        """Move positional arguments to the front; return ambiguous arguments unchanged."""
        passes_on = any(action.nargs == argparse.REMAINDER for action in self._actions)
        if "--" in args or passes_on or self._subparsers is not None:
            return list(args)
        positional, options, remaining = [], [], list(args)
        while remaining:
            arg = remaining.pop(0)
            if not arg.startswith("-") or arg == "-":
                positional.append(arg)
                continue
            options.append(arg)
            flag, equals, _ = arg.partition("=")
            action = self._option_string_actions.get(flag)
            if action is None:  # an abbreviation or a mistake
                return list(args)
            if flag in self._is_value_by_flag:
                is_value = self._is_value_by_flag[flag]
                # The first value always belongs to the option, so that errors name the option.
                while remaining and not remaining[0].startswith("-"):
                    if not is_value(remaining[0]) and (equals or options[-1] != arg):
                        break
                    options.append(remaining.pop(0))
            elif action.nargs is None and not equals and remaining:
                options.append(remaining.pop(0))
        return [*positional, *options]


def looks_like_key_value(text: str) -> bool:
    """Return True if a text may be KEY=VALUE."""
    return "=" in text


def looks_like_seed(text: str) -> bool:
    """Return True if a text may be a seed."""
    return re.fullmatch(r"[-+]?[0-9]+", text) is not None


def looks_like_mission(text: str) -> bool:
    """Return True if a text may name a mission: a YAML file, or anything but a policy."""
    return re.search(r"\.ya?ml(@|$)", text) is not None or not looks_like_policy(text)


def looks_like_policy(text: str) -> bool:
    """Return True if a text can only name a policy."""
    class_path = text.partition("@")[0]
    if class_path in SHORT_NAMES or class_path.startswith(METTAGRID_PREFIX) or ":" in class_path:
        return True
    return re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", class_path) is not None
