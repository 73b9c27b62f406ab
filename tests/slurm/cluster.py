"""Slurm cluster on this machine: munged, slurmctld and slurmd in one folder, with two fake GPUs.

It needs root and the Debian packages that `make slurm-test` installs.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

PORTS = 26817, 26818  # differ from the default ports of Slurm
PARTITIONS = """
PartitionName=main Nodes=ALL Default=YES PriorityTier=1 State=UP
PartitionName=urgent Nodes=ALL PriorityTier=10 State=UP
"""
# Without accounting, cgroups and systemd. A preempted job returns to the queue until its credential
# expires, after 15 s.
CONF = """
ClusterName=daf
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=15
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
SlurmdParameters=config_overrides
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,preempt_youngest_first
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait=10
MinJobAge=3600
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=16000 Gres=gpu:2 State=UNKNOWN
"""


CONF_FILE = Path("/etc/slurm/slurm.conf")
"""Default configuration of srun, whose SLURM_CONF the Snakemake plugin removes."""


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Start a cluster, yield the environment for its commands, and stop it after the block.

    Raises:
        RuntimeError: the cluster does not start, with the end of its logs; or another Slurm is
            configured.
    """
    if CONF_FILE.exists():
        raise RuntimeError(f"{CONF_FILE} exists: this machine belongs to another Slurm")
    _write_configuration(folder)
    environment = os.environ | {"SLURM_CONF": f"{folder}/slurm.conf"}
    daemons = []
    try:
        CONF_FILE.parent.mkdir(exist_ok=True)
        CONF_FILE.unlink(missing_ok=True)  # left by a killed cluster
        CONF_FILE.symlink_to(folder / "slurm.conf")
        for command in _daemon_commands(folder):
            with open(folder / f"{Path(command[0]).name}.out", "w") as out:
                process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
            daemons.append(process)
            time.sleep(0.3)
        _wait_until_idle(folder, environment, daemons)
        yield environment
    finally:
        if len(daemons) == 3:
            subprocess.run(["scancel", "--user=root", "--signal=KILL", "--full"], env=environment)
            subprocess.run(["scancel", "--user=root"], env=environment)
            _wait_until(lambda: not _step_process_ids(folder), 20)
        for process in reversed(daemons):
            process.terminate()
        for process in reversed(daemons):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for step in _step_process_ids(folder):
            os.kill(step, signal.SIGKILL)
        CONF_FILE.unlink()


def _write_configuration(folder: Path) -> None:
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    for number in range(2):
        # Slurm needs one character device per GPU; these are copies of /dev/null.
        os.mknod(folder / f"fakegpu{number}", 0o666 | 0o020000, os.makedev(1, 3))
    host = os.uname().nodename.split(".")[0]
    text = CONF.format(host=host, folder=folder, ports=PORTS) + PARTITIONS
    (folder / "slurm.conf").write_text(text)
    (folder / "gres.conf").write_text(f"Name=gpu File={folder}/fakegpu[0-1]\n")
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    folder.chmod(0o755)


def _daemon_commands(folder: Path) -> list[list[str]]:
    munged = ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket"]
    munged += [f"--{name}-file={folder}/munge.{name}" for name in ("key", "log", "pid", "seed")]
    return [munged, ["slurmctld", "-D"], ["slurmd", "-D"]]


def _wait_until_idle(folder: Path, environment: dict[str, str], daemons: list) -> None:
    def is_idle() -> bool:
        states = subprocess.run(
            ["sinfo", "--noheader", "--partition=main", "--format=%T"],
            env=environment, capture_output=True, text=True,
        )  # fmt: skip
        return states.stdout.strip() == "idle"

    ended = [process for process in daemons if process.poll() is not None]
    if ended or not _wait_until(is_idle, 30):
        logs = [path for path in (*folder.glob("*.log"), *folder.glob("*.out"))]
        log_ends = "\n".join(f"{path.name}: {path.read_text()[-2000:]}" for path in logs)
        raise RuntimeError(f"the cluster does not start\n{log_ends}")


def _step_process_ids(folder: Path) -> list[int]:
    """Return the ids of the slurmstepd processes of this cluster."""
    ids = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name = (process / "comm").read_text().strip()
            environ = (process / "environ").read_bytes()
            if name == "slurmstepd" and os.fsencode(f"{folder}/slurm.conf") in environ:
                ids.append(int(process.name))
    return ids


def _wait_until(condition, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True
