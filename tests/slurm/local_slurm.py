"""A SLURM of a few nodes on this machine: its daemons, its configuration, its end.

Each node has a host name and process numbers of its own (namespaces of Linux), so that what
runs on one is as far from the others as on machines that share their disks.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

# Jobs of Snakemake's plugin drop every SLURM_ variable but a few, SLURM_CONF among them.
CONFIGURATION = Path("/etc/slurm/slurm.conf")
GENERIC_RESOURCES = CONFIGURATION.with_name("gres.conf")
OURS = "# Written by pj2's tests, which remove it.\n"
PROGRAMS = (
    *("munged", "slurmctld", "slurmd", "unshare"),
    *("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo"),
)

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
SlurmdTimeout=10
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool_%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd_%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd_%n.log
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
NodeName=DEFAULT CPUs={cores} RealMemory={memory} Gres=gpu:1
{nodes}
PartitionName=DEFAULT Nodes=ALL LLN=YES State=UP
PartitionName=main Default=YES MaxTime=INFINITE
PartitionName=hasty MaxTime=2
"""


def missing() -> str:
    """Say why no SLURM can be started here; "" where one can."""
    if os.getuid() != 0:
        return "its daemons are started by root only"
    absent = [name for name in PROGRAMS if not shutil.which(name)]
    if absent:
        return f"not installed: {', '.join(absent)} (apt-get install slurm-wlm munge)"
    if subprocess.run([*_apart(), "true"], capture_output=True, check=False).returncode:
        return "a container that may not have namespaces of its own"
    if CONFIGURATION.exists() and not CONFIGURATION.read_text().startswith(OURS):
        return f"this machine has a SLURM of its own ({CONFIGURATION})"
    return ""


class Cluster:
    """A controller, and nodes with a pretended GPU each, in a folder of their own."""

    def __init__(self, folder: Path, nodes: int, cores: int, memory: int = 16000) -> None:
        self.folder = folder
        self.nodes = [f"node{number}" for number in range(1, nodes + 1)]
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("state", *(f"spool_{node}" for node in self.nodes)):
            (folder / name).mkdir(parents=True)
        folder.chmod(0o755)  # munged wants the way to its socket open to all
        CONFIGURATION.parent.mkdir(exist_ok=True)
        controller, *ports = _free_ports(1 + nodes)
        lines = [
            f"NodeName={node} NodeAddr=127.0.0.1 Port={port}"
            for node, port in zip(self.nodes, ports, strict=True)
        ]
        settings = {"folder": folder, "controller": controller, "nodes": "\n".join(lines)}
        text = CONF.format(cores=cores, memory=memory, **settings)
        CONFIGURATION.write_text(OURS + text)
        GENERIC_RESOURCES.write_text(f"{OURS}Name=gpu File=/dev/zero\n")
        (folder / "hosts").write_text(f"127.0.0.1 localhost {' '.join(self.nodes)}\n")

    def start(self) -> None:
        """Start all daemons, and wait until the nodes take jobs."""
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        files = {"socket": "munge.socket", "pid-file": "munge.pid", "log-file": "munge.log"}
        options = [f"--{option}={self.folder / name}" for option, name in files.items()]
        options += [f"--key-file={key}", f"--seed-file={self.folder / 'munge.seed'}"]
        self._launch("munged", "munged", "--foreground", "--force", *options)
        wait_until((self.folder / "munge.socket").exists)
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)

    def start_controller(self) -> None:
        self._launch("slurmctld", "slurmctld", "-D")
        wait_until(lambda: "is UP" in self.run("scontrol", "ping"))

    def stop_controller(self) -> None:
        self._end("slurmctld")

    def seconds_of_controller(self) -> float:
        """What it has computed, in seconds of a processor."""
        numbers = Path("/proc", str(self._daemons["slurmctld"].pid), "stat").read_text()
        user, system = map(int, numbers.rpartition(")")[2].split()[11:13])
        return (user + system) / os.sysconf("SC_CLK_TCK")

    def start_node(self, node: str) -> None:
        hosts = f"mount --bind {self.folder}/hosts /etc/hosts"
        own = f"hostname {node}; {hosts}; exec slurmd -D -N {node}"
        self._launch(node, *_apart(), "sh", "-c", own)
        wait_until(lambda: self.state(node) in ("idle", "mixed", "allocated"))

    def crash_node(self, node: str) -> None:
        """End all that runs there at once, as when its power fails."""
        daemon = self._daemons.pop(node)
        daemon.kill()
        daemon.wait()

    def state(self, node: str) -> str:
        return self.run("sinfo", "--noheader", f"--nodes={node}", "-p", "main", "-o", "%T").strip()

    def stop(self) -> None:
        """End what runs, and the daemons; leave no configuration behind."""
        for name in reversed(list(self._daemons)):
            self.crash_node(name) if name in self.nodes else self._end(name)
        CONFIGURATION.unlink(missing_ok=True)
        GENERIC_RESOURCES.unlink(missing_ok=True)

    def run(self, *command: str) -> str:
        """Return what a command prints, its errors too."""
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        return done.stdout

    def _launch(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.out").open("ab") as output:
            self._daemons[name] = subprocess.Popen(command, stdout=output, stderr=output)

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


def _apart() -> list[str]:
    """A command's beginning: what follows sees host name, processes and mounts of its own."""
    return ["unshare", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child"]


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        servers = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)
        ]
        return [server.getsockname()[1] for server in servers]
