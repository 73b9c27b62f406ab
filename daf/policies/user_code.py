"""Code that is not DAF's: what it raises becomes one line, what it changes is put back."""

import contextlib
import os
import random
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from daf.config import ConfigError
from daf.policies.registry import PolicyMisbehaves
from daf.system.interrupts import is_interrupt
from daf.system.processes import left_running, running


@contextlib.contextmanager
def blamed_on(policy: str, file: str | None = None) -> Iterator[None]:
    """Turn whatever the code of a policy raises into one line with its name and the place.

    A process that the code forks ends here: it must not do the work of this one a second time.

    Args:
        policy: its name, for the line.
        file: blame the policy for an `Exception` only if this file is on the trace; None: always.

    Raises:
        ConfigError: the code raised something; an interrupt by the user goes through.
    """
    process = os.getpid()
    try:
        yield
    except ConfigError:
        raise
    except BaseException as error:
        places = traceback.extract_tb(error.__traceback__)
        others = isinstance(error, Exception) and file not in (None, *(p.filename for p in places))
        if others or is_interrupt(error) or os.getpid() != process:
            raise
        last = next((p for p in reversed(places) if p.filename == file), places[-1])
        raise ConfigError(
            f"policy '{policy}' failed with {told(error)} (in {last.filename}, line {last.lineno})"
        ) from error
    finally:
        if os.getpid() != process:
            os._exit(1)


def told(error: BaseException) -> str:
    """The kind of an error of a policy's code, and what it says, which is that code's, too."""
    try:
        text = f"{error}"
    except BaseException as another:
        if is_interrupt(another):
            raise
        text = f"its text fails with {type(another).__name__}"
    return f"{type(error).__name__}: {text}"


@contextlib.contextmanager
def contained(policy: str, foreign: bool = True) -> Iterator[None]:
    """Put back what belongs to the process when the code of a policy is done with it.

    These are the working directory, signal handlers, output streams, generators of random numbers
    and the settings of torch.

    Args:
        foreign: whether the code is not DAF's, and may leave something running.

    Raises:
        PolicyMisbehaves: the code has changed what cannot be put back without changing what it
            computes (torch's default dtype and device), has closed stdout or stderr, or has left a
            process running, or a thread that keeps this one from ending.
    """
    before = running() if foreign else {}
    process, folder = os.getpid(), _working_directory()
    kept = [(get, set_, get()) for get, set_ in _SETTINGS]
    drawn = random.getstate(), np.random.get_state(), torch.get_rng_state()
    default = torch.get_default_dtype(), torch.get_default_device()
    streams, open_before = (sys.stdout, sys.stderr), _open_outputs()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    changed = ""
    try:
        yield
    finally:
        if os.getpid() != process:
            os._exit(1)
        if (torch.get_default_dtype(), torch.get_default_device()) != default:
            changed = f"{torch.get_default_dtype()} on {torch.get_default_device()}"
            torch.set_default_dtype(default[0])
            torch.set_default_device(None if default[1].type == "cpu" else default[1])
        for get, set_, value in kept:
            if get() != value:
                set_(value)
        random.setstate(drawn[0])
        np.random.set_state(drawn[1])
        torch.set_rng_state(drawn[2])
        sys.stdout, sys.stderr = streams
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                if handler is not None:
                    signal.signal(number, handler)
        if folder and _working_directory() != folder:
            os.chdir(folder)
    if changed:
        raise PolicyMisbehaves(
            f"policy '{policy}': makes {changed} torch's default for the whole process; "
            "name dtype and device where tensors are made"
        )
    if foreign and (left := left_running(before)):
        raise PolicyMisbehaves(f"policy '{policy}': its code leaves {left}")
    if closed := open_before - _open_outputs():
        raise PolicyMisbehaves(f"policy '{policy}': its code closed file descriptor {min(closed)}")


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def _open_outputs() -> set[int]:
    found = set()
    for number in (1, 2):
        with contextlib.suppress(OSError):
            os.fstat(number)
            found.add(number)
    return found


_SETTINGS: list[tuple[Callable[[], Any], Callable[[Any], Any]]] = [
    (torch.get_num_threads, torch.set_num_threads),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
]
"""Settings of torch for the whole process: how to read them, and how to set them."""
