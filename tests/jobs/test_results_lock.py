"""Lock of the results folder."""

import os
import signal
import subprocess
import sys
import time

import pytest

from daf.jobs import results_lock
from daf.orchestrators.snakemake_command import (
    find_local_or_packaged_benchmark_config,
    snakemake_command,
)

HOLD = """
import sys, time
from daf.jobs.results_lock import wait_and_lock_results
held = wait_and_lock_results(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""


def start_lock_holder(results, code: str = HOLD, **options) -> subprocess.Popen:
    command = [sys.executable, "-c", code, str(results)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    assert process.stdout.readline() == "held\n"
    return process


def test_error_names_the_holder_until_it_is_killed(tmp_path):
    first = start_lock_holder(tmp_path)
    with pytest.raises(results_lock.ResultsInUseError, match=f"in use by process {first.pid} on "):
        results_lock.lock_results_until_exit(str(tmp_path))
    first.send_signal(signal.SIGKILL)
    first.wait()
    os.close(results_lock.wait_and_lock_results(str(tmp_path)))


def test_snakemake_fails_if_the_folder_is_in_use(tmp_path):
    held = results_lock.wait_and_lock_results(str(tmp_path / "results"))
    command = snakemake_command(
        ["environment_check"], find_local_or_packaged_benchmark_config().resolve()
    )
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    os.close(held)
    assert done.returncode != 0 and not list((tmp_path / "results").glob("*.json"))
    assert f"results is in use by process {os.getpid()} on " in done.stderr
    assert "Traceback" not in done.stderr


def test_waiting_ends_with_the_holder(tmp_path, capfd):
    first = start_lock_holder(tmp_path, HOLD.replace("60", "1"))
    begin = time.monotonic()
    os.close(results_lock.wait_and_lock_results(str(tmp_path)))
    assert first.wait() == 0 and time.monotonic() - begin < 50
    assert capfd.readouterr().err == (
        f"{tmp_path} is in use by process {first.pid} on {os.uname().nodename}; "
        "waiting for it to end\n"
    )


def test_child_inherits_the_lock(tmp_path):
    held = results_lock.wait_and_lock_results(str(tmp_path))
    code = (
        "import sys, time\nfrom daf.jobs.results_lock import lock_results_until_exit\n"
        "lock_results_until_exit(sys.argv[1])\n"
    )
    child = start_lock_holder(
        tmp_path,
        code + "print('held', flush=True)\ntime.sleep(60)\n",
        env=os.environ | results_lock.lock_variables_for_children(str(tmp_path)),
        pass_fds=[held],
    )
    os.close(held)
    with pytest.raises(results_lock.ResultsInUseError):
        results_lock.lock_results_until_exit(str(tmp_path))
    child.kill()
    child.wait()
    os.close(results_lock.wait_and_lock_results(str(tmp_path)))


def test_folders_have_separate_locks(tmp_path):
    os.close(results_lock.wait_and_lock_results(str(tmp_path / "a")))
    first = results_lock.wait_and_lock_results(str(tmp_path / "a"))
    second = results_lock.wait_and_lock_results(str(tmp_path / "b"))
    os.close(first)
    os.close(second)


def test_lock_waits_for_orphaned_jobs(tmp_path, capfd):
    acquire = "held = wait_and_lock_results(sys.argv[1])"
    job = HOLD.replace("import wait_and_lock_results", "import hold_shared_job_lock").replace(
        "60", "1"
    )
    job = job.replace(acquire, "job = hold_shared_job_lock(sys.argv[1]); job.__enter__()")
    running = start_lock_holder(tmp_path, job), start_lock_holder(tmp_path, job)
    os.close(results_lock.wait_and_lock_results(str(tmp_path)))
    assert [process.wait() for process in running] == [0, 0]
    assert capfd.readouterr().err == f"{tmp_path}: waiting for jobs of an earlier call to end\n"


def test_forked_process_releases_the_shared_lock(tmp_path):
    with results_lock.hold_shared_job_lock(str(tmp_path)):
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
    begin = time.monotonic()
    os.close(results_lock.wait_and_lock_results(str(tmp_path)))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert time.monotonic() - begin < 50
