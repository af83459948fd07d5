"""A SLURM of one node on this machine: its daemons, its configuration, its end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

# Jobs of Snakemake's plugin drop every SLURM_ variable but a few, SLURM_CONF among them.
CONFIGURATION = Path("/etc/slurm/slurm.conf")
GENERIC_RESOURCES = CONFIGURATION.with_name("gres.conf")
OURS = "# Written by pj2's tests, which remove it.\n"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")

CONF = """\
ClusterName=pj2test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmctldPort={controller}
SlurmdPort={daemon}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
JobCompType=jobcomp/none
MinJobAge=600
KillWait=10
MailProg=/bin/true
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP
PartitionName=hasty Nodes=localhost MaxTime=2 State=UP
"""


def missing() -> str:
    """Say why no SLURM can be started here; "" where one can."""
    if os.getuid() != 0:
        return "its daemons are started by root only"
    absent = [name for name in PROGRAMS if not shutil.which(name)]
    if absent:
        return f"not installed: {', '.join(absent)} (apt-get install slurm-wlm munge)"
    if CONFIGURATION.exists() and not CONFIGURATION.read_text().startswith(OURS):
        return f"this machine has a SLURM of its own ({CONFIGURATION})"
    return ""


class OneNode:
    """A controller and a node with two cores and a pretended GPU, in a folder of their own."""

    def __init__(self, folder: Path, cores: int = 2, memory: int = 16000) -> None:
        self.folder = folder
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("state", "spool"):
            (folder / name).mkdir(parents=True)
        folder.chmod(0o755)  # munged wants the way to its socket open to all
        CONFIGURATION.parent.mkdir(exist_ok=True)
        controller, daemon = _free_ports()
        settings = {"folder": folder, "controller": controller, "daemon": daemon}
        text = CONF.format(**settings, cores=cores, memory=memory)
        CONFIGURATION.write_text(OURS + text)
        GENERIC_RESOURCES.write_text(f"{OURS}NodeName=localhost Name=gpu File=/dev/zero\n")

    def start(self) -> None:
        """Start all daemons, and wait until the node takes jobs."""
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        files = {"socket": "munge.socket", "pid-file": "munge.pid", "log-file": "munge.log"}
        options = [f"--{option}={self.folder / name}" for option, name in files.items()]
        seed = f"--seed-file={self.folder / 'munge.seed'}"
        self._launch("munged", "--foreground", "--force", f"--key-file={key}", seed, *options)
        wait_until((self.folder / "munge.socket").exists)
        self.start_controller()
        self._launch("slurmd", "-D", "-N", "localhost")
        wait_until(lambda: "idle" in self.run("sinfo", "--noheader", "-o", "%T"))

    def start_controller(self) -> None:
        self._launch("slurmctld", "-D")
        wait_until(lambda: "is UP" in self.run("scontrol", "ping"))

    def stop_controller(self) -> None:
        self._end("slurmctld")

    def stop(self) -> None:
        """End what runs, and the daemons; leave no configuration behind."""
        self.run("scancel", "--user=root", "--signal=KILL", "--full")
        self.run("scancel", "--user=root")
        with suppress(TimeoutError):
            wait_until(lambda: not self.run("squeue", "--noheader"), seconds=20)
        for name in reversed(list(self._daemons)):
            self._end(name)
        CONFIGURATION.unlink(missing_ok=True)
        GENERIC_RESOURCES.unlink(missing_ok=True)

    def run(self, *command: str) -> str:
        """Return what a command prints, its errors too."""
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        return done.stdout

    def _launch(self, name: str, *options: str) -> None:
        with (self.folder / f"{name}.out").open("ab") as output:
            self._daemons[name] = subprocess.Popen(
                [str(shutil.which(name)), *options], stdout=output, stderr=output
            )

    def _end(self, name: str) -> None:
        daemon = self._daemons.pop(name)
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(15)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def wait_until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.1)


def _free_ports() -> tuple[int, int]:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return one.getsockname()[1], two.getsockname()[1]
