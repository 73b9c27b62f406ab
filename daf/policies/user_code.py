"""Execution of user code: errors become one line, process-wide settings are restored."""

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
from daf.policies.registry import PolicySideEffectError
from daf.system.interrupts import is_interrupt_by_received_signal
from daf.system.processes import describe_children_and_threads, describe_new_child_or_thread


@contextlib.contextmanager
def convert_policy_errors(
    policy_name: str, policy_source_file: str | None = None
) -> Iterator[None]:
    """Convert errors of policy code to one line with policy, file and line number.

    A process forked by the code exits here, so that it does not repeat the job of its parent.

    Args:
        policy_name: name of the policy.
        policy_source_file: convert an `Exception` only if its traceback has this file; None: any.

    Raises:
        ConfigError: the code raised an error; interrupts by the user pass unchanged.
    """
    process = os.getpid()
    try:
        yield
    except ConfigError:
        raise
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        filenames = (None, *(frame.filename for frame in frames))
        is_unrelated = isinstance(error, Exception) and policy_source_file not in filenames
        if is_unrelated or is_interrupt_by_received_signal(error) or os.getpid() != process:
            raise
        last = next(
            (frame for frame in reversed(frames) if frame.filename == policy_source_file),
            frames[-1],
        )
        raise ConfigError(
            f"policy '{policy_name}' failed with {describe_error(error)} "
            f"(in {last.filename}, line {last.lineno})"
        ) from error
    finally:
        if os.getpid() != process:
            os._exit(1)


def describe_error(error: BaseException) -> str:
    """Return type and message of an error of user code; computing the message may fail, too."""
    try:
        text = f"{error}"
    except BaseException as text_error:
        if is_interrupt_by_received_signal(text_error):
            raise
        text = f"its text fails with {type(text_error).__name__}"
    return f"{type(error).__name__}: {text}"


@contextlib.contextmanager
def restore_process_state_or_raise(
    policy_name: str, raise_if_processes_remain: bool = True
) -> Iterator[None]:
    """Restore process-wide state after policy code has run.

    The state is: working directory, signal handlers, output streams, random number generators and
    settings of torch.

    Args:
        policy_name: name of the policy, for the error.
        raise_if_processes_remain: raise an error if the code leaves threads or processes.

    Raises:
        PolicySideEffectError: the code changed the default dtype or device of torch, which affects
            its results; or closed stdout or stderr; or left a process or a thread running that
            keeps this process from ending.
    """
    running_before = describe_children_and_threads() if raise_if_processes_remain else {}
    process, folder = os.getpid(), _working_directory()
    torch_settings = [(get, set_, get()) for get, set_ in _TORCH_SETTINGS]
    rng_states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    torch_defaults = torch.get_default_dtype(), torch.get_default_device()
    streams, open_outputs = (sys.stdout, sys.stderr), _find_open_stdout_and_stderr()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    changed_defaults = ""
    try:
        yield
    finally:
        if os.getpid() != process:
            os._exit(1)
        if (torch.get_default_dtype(), torch.get_default_device()) != torch_defaults:
            changed_defaults = f"{torch.get_default_dtype()} on {torch.get_default_device()}"
            torch.set_default_dtype(torch_defaults[0])
            torch.set_default_device(None if torch_defaults[1].type == "cpu" else torch_defaults[1])
        for get, set_, value in torch_settings:
            if get() != value:
                set_(value)
        random.setstate(rng_states[0])
        np.random.set_state(rng_states[1])
        torch.set_rng_state(rng_states[2])
        sys.stdout, sys.stderr = streams
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                if handler is not None:
                    signal.signal(number, handler)
        if folder and _working_directory() != folder:
            os.chdir(folder)
    if changed_defaults:
        raise PolicySideEffectError(
            f"policy '{policy_name}': its code sets the defaults of torch to "
            f"{changed_defaults} for the whole process; pass dtype and device to each new tensor"
        )
    if raise_if_processes_remain and (
        still_running := describe_new_child_or_thread(running_before)
    ):
        raise PolicySideEffectError(f"policy '{policy_name}': its code leaves {still_running}")
    if closed := open_outputs - _find_open_stdout_and_stderr():
        raise PolicySideEffectError(
            f"policy '{policy_name}': its code closed file descriptor {min(closed)}"
        )


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def _find_open_stdout_and_stderr() -> set[int]:
    """Return the open ones of file descriptors 1 and 2."""
    descriptors = set()
    for number in (1, 2):
        with contextlib.suppress(OSError):
            os.fstat(number)
            descriptors.add(number)
    return descriptors


_TORCH_SETTINGS: list[tuple[Callable[[], Any], Callable[[Any], Any]]] = [
    (torch.get_num_threads, torch.set_num_threads),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
]
"""Getters and setters of the process-wide settings of torch."""
