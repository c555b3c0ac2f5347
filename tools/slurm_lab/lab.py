"""Starts the daemons of a lab, looks after them, and ends just those."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from tools.slurm_lab import configuration
from tools.slurm_lab.configuration import Plan

PACKAGES = (
    "slurm-wlm slurmctld slurmd slurmdbd slurmrestd munge mariadb-server slurm-wlm-mysql-plugin "
    "slurm-wlm-jwt-plugin"
)
NEEDED = "munged mariadbd mariadb-install-db slurmctld slurmd slurmdbd unshare".split()
CLIENTS = (
    "sacct sacctmgr salloc sbatch scancel scontrol sdiag sinfo sprio squeue sreport srun sshare"
).split()
# Of the ports of a lab, one that no daemon listens on: whoever binds it has them all.
UNUSED = 9
SEARCHED = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
# Debian has these accounts on every machine, so they stand for people here.
PEOPLE = ("games", "news", "mail", "backup")
PATIENCE_SECONDS = 180.0
# slurmstepd closes every descriptor that it might have, one by one.
MOST_DESCRIPTORS = 4096


class LabFailed(Exception):
    """A daemon did not come up, or something else stands in the way; the message says which."""


def find_missing() -> str:
    """Return why no lab can be started on this machine, or nothing."""
    if os.geteuid() != 0:
        return "a lab runs jobs as several users, so only root can start one"
    missing = [name for name in NEEDED if shutil.which(name, path=SEARCHED) is None]
    if missing:
        return f"{', '.join(missing)} is not installed (Debian: apt-get install {PACKAGES})"
    return ""


@dataclass(frozen=True)
class Lab:
    """A lab in a folder, running or not. `tied`: its daemons end with the process that began it."""

    plan: Plan
    tied: bool = False

    @staticmethod
    def make(folder: Path | None = None, *, tied: bool = False, **asked: object) -> "Lab":
        """Return a lab that is not started yet, in a folder of its own and on free ports."""
        # Sockets need a short path, and other users the way to it.
        place = folder or Path(tempfile.mkdtemp(prefix="slurm-lab-", dir="/tmp"))
        plan = Plan(folder=place.absolute(), **{"port_base": 0, **asked})  # type: ignore[arg-type]
        if not plan.port_base:
            plan = replace(plan, port_base=find_free_ports(plan.node_port(plan.nodes) + 1))
        return Lab(plan, tied=tied)

    @staticmethod
    def find(folder: Path) -> "Lab":
        """Return the lab that was started in a folder."""
        try:
            facts = json.loads((folder / "lab.json").read_text())
        except FileNotFoundError:
            raise LabFailed(f"No lab was started in {folder}.") from None
        return Lab(Plan(**{**facts, "folder": Path(facts["folder"])}))

    # ------------------------------------------------------------ for those who use it
    @property
    def environment(self) -> dict[str, str]:
        """Return what Slurm's commands need to find this lab."""
        path = f"{self.plan.folder}/bin:{SEARCHED}"
        return {"SLURM_CONF": str(self.plan.conf), "PATH": path, "LANG": "C.UTF-8"}

    def run(self, *argv: str, user_name: str = "") -> str:
        """Return what a command prints in this lab; `LabFailed` with its words if it fails."""
        before = ["runuser", "-u", user_name, "--"] if user_name else []
        done = subprocess.run(  # noqa: S603 - a list of our own
            [*before, *argv],
            capture_output=True,
            text=True,
            env=self.environment,
            cwd="/",
            timeout=PATIENCE_SECONDS,
        )
        if done.returncode:
            raise LabFailed(f"{' '.join(argv)}: {done.stderr or done.stdout}")
        return done.stdout

    def add_account(self, name: str, *people: str, parent: str = "root", **limits: str) -> None:
        """Make an account in Slurm's accounting, and let people work under it."""
        settings = [f"{key}={value}" for key, value in limits.items()]
        change = ("sacctmgr", "-i", "-Q")
        with contextlib.suppress(LabFailed):  # it is there already
            self.run(*change, "add", "account", name, f"parent={parent}", *settings)
        for person in people:
            with contextlib.suppress(LabFailed):
                self.run(*change, "add", "user", person, f"account={name}")

    def kill(self, name: str) -> None:
        """Let a daemon die at once: "slurmctld", "slurmdbd", "mariadbd", or a node's name."""
        process = self._find(self._name(name))
        if process is not None:
            process.kill()
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(PATIENCE_SECONDS)  # the next one needs its port

    def crash(self, name: str) -> None:
        """Let a node lose its power: its slurmd dies, and all that it runs; Slurm is told so."""
        daemon = self._find(self._name(name))
        assert daemon is not None, f"{name} runs"
        node = _find_machine(daemon)
        for process in psutil.process_iter():
            if _find_machine(process) == node:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self.run("scontrol", "update", f"nodename={name}", "state=down", "reason=crash")

    def revive(self, name: str) -> None:
        """Start a daemon again that was killed, and wait until it answers; a node serves again."""
        if name not in self.plan.node_names:
            self._begin(name)
            return
        self._spawn(self._name(name), self._command(self._name(name)))
        port = self.plan.node_port(self.plan.node_names.index(name) + 1)
        self._wait(lambda: _listens(port), name)
        self.run("scontrol", "update", f"nodename={name}", "state=resume")
        self.wait_for_nodes()

    def wait_for_nodes(self) -> None:
        """Wait until every node can take a job."""
        self._wait(
            lambda: (
                self.run("sinfo", "-h", "-N", "-t", "idle", "-o", "%N").count("\n")
                >= self.plan.nodes
            ),
            "every node to be idle",
        )

    # ------------------------------------------------------------ start and stop
    def start(self, *, rest: bool = False) -> "Lab":
        """Start everything, and return once all nodes can take a job."""
        if missing := find_missing():
            raise LabFailed(f"{missing[0].upper()}{missing[1:]}.")
        if running := self._list_running():
            raise LabFailed(f"The lab in {self.plan.folder} runs already ({running[0]}); stop it.")
        self._write_files()
        try:
            for name in ("munged", "mariadbd", "slurmdbd", "slurmctld"):
                self._begin(name)
            for name in self.plan.node_names:
                self._spawn(f"slurmd-{name}", self._command(f"slurmd-{name}"))
            self.wait_for_nodes()
            if rest:
                self._begin("slurmrestd")
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, *, and_forget: bool = False) -> None:
        """End every daemon that this lab began, and what they left running of jobs."""
        processes = [process for name in self._names() if (process := self._find(name))]
        left = [child for process in processes for child in _children(process)]
        for process in (*reversed(processes), *left):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs([*processes, *left], timeout=10)
        for steps in self._list_steps():  # they outlive their slurmd
            with contextlib.suppress(psutil.NoSuchProcess):
                steps.kill()
        shutil.rmtree(self.plan.folder / "pid", ignore_errors=True)
        if and_forget:
            shutil.rmtree(self.plan.folder, ignore_errors=True)

    def _names(self) -> list[str]:
        nodes = [f"slurmd-{name}" for name in self.plan.node_names]
        return ["munged", "mariadbd", "slurmdbd", "slurmctld", *nodes, "slurmrestd"]

    def _name(self, name: str) -> str:
        return f"slurmd-{name}" if name in self.plan.node_names else name

    def _list_running(self) -> list[str]:
        return [name for name in self._names() if self._find(name)]

    def _list_steps(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter(["name"]):
            with contextlib.suppress(psutil.Error):
                if process.environ().get("SLURM_CONF") == str(self.plan.conf):
                    found.append(process)
        return [process for process in found if process.pid != os.getpid()]

    def _write_files(self) -> None:
        plan, host = self.plan, socket.gethostname().partition(".")[0]
        parts = ("etc", "log", "pid", "sock", "bin", "dev", "state", "slurmd", "munge", "database")
        for part in parts:
            (plan.folder / part).mkdir(parents=True, exist_ok=True)
        plan.folder.chmod(0o755)  # jobs of other users read slurm.conf and write below
        (plan.folder / "munge").chmod(0o700)
        files = {
            "slurm.conf": configuration.render_slurm_conf(plan, host=host),
            "gres.conf": configuration.render_gres_conf(plan),
            "cgroup.conf": configuration.CGROUP_CONF,
            "slurmdbd.conf": configuration.render_slurmdbd_conf(plan, host=host),
            "hosts": configuration.render_hosts(plan, host=host),
        }
        for name, content in files.items():
            (plan.folder / "etc" / name).write_text(content)
        for name, mode in (("etc/jwt.key", 0o600), ("munge/key", 0o400)):
            path = plan.folder / name
            if not path.exists():
                path.write_bytes(secrets.token_bytes(1024))
                path.chmod(mode)
        (plan.folder / "etc/slurmdbd.conf").chmod(0o600)
        for number in range(plan.gpus):
            with contextlib.suppress(FileExistsError):
                os.mknod(plan.folder / f"dev/gpu{number}", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        # The daemons look at the name they are called by; Debian's have a suffix.
        for name in ("slurmctld", "slurmd", "slurmstepd", *CLIENTS):
            self._link(name)
        for name in plan.node_names:
            (plan.folder / "slurmd" / name).mkdir(exist_ok=True)
        facts = asdict(plan) | {"folder": str(plan.folder)}
        (plan.folder / "lab.json").write_text(json.dumps(facts))

    def _link(self, name: str) -> None:
        program = shutil.which(f"{name}-wlm", path=SEARCHED) or shutil.which(name, path=SEARCHED)
        link = self.plan.folder / "bin" / name
        if program and not link.is_symlink():
            link.symlink_to(program)

    def _command(self, name: str) -> list[str]:
        folder, plan = self.plan.folder, self.plan
        if name.startswith("slurmd-"):
            node = name.removeprefix("slurmd-")
            # Each slurmd believes to be on a machine of its own name.
            script = (
                f"mount --bind {folder}/etc/hosts /etc/hosts && hostname {node} && "
                f"exec {folder}/bin/slurmd -D -d {folder}/bin/slurmstepd"
            )
            namespaces = ["unshare", "--uts", "--mount", "--propagation", "private"]
            return [*namespaces, "sh", "-c", script]
        munge = folder / "munge"
        return {
            "munged": [
                *("munged", "--foreground", "--force", f"--key-file={munge}/key"),
                *(f"--socket={plan.munge_socket}", f"--pid-file={munge}/pid"),
                *(f"--log-file={munge}/log", f"--seed-file={munge}/seed"),
            ],
            "mariadbd": [
                *("mariadbd", "--no-defaults", "--user=mysql", f"--datadir={folder}/database"),
                *(f"--socket={folder}/database/socket", f"--pid-file={folder}/database/pid"),
                *("--bind-address=127.0.0.1", f"--port={plan.database_port}"),
                *("--skip-name-resolve", "--innodb-lock-wait-timeout=900"),
                # Its machine is never lost here, only its clients: it need not wait for the disk.
                *("--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M"),
                *("--innodb-log-file-size=16M", "--max-allowed-packet=64M"),
            ],
            "slurmdbd": ["slurmdbd", "-D"],
            "slurmctld": [f"{folder}/bin/slurmctld", "-D"],
            "slurmrestd": [
                *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
                *("env", "SLURM_JWT=daemon", "slurmrestd", "-a", "rest_auth/jwt"),
                f"127.0.0.1:{plan.rest_port}",
            ],
        }[name]

    def _begin(self, name: str) -> None:
        """Start one daemon that is no node's, with what it needs before; wait until it answers."""
        folder = self.plan.folder
        if name == "mariadbd" and not (folder / "database/mysql").is_dir():
            self._make_database()
        self._spawn(name, self._command(name))
        answers: dict[str, Callable[[], object]] = {
            "munged": lambda: self.run("munge", "-n", "-S", str(self.plan.munge_socket)),
            "mariadbd": lambda: self._ask_database("CREATE DATABASE IF NOT EXISTS slurm_acct"),
            "slurmdbd": lambda: self.run("sacctmgr", "-n", "show", "cluster"),
            "slurmctld": lambda: "UP" in self.run("scontrol", "ping"),
            "slurmrestd": lambda: _listens(self.plan.rest_port),
        }
        self._wait(answers[name], name)
        if name == "mariadbd":
            self._ask_database(
                "CREATE USER IF NOT EXISTS 'slurm'@'127.0.0.1' IDENTIFIED BY 'slurm'; "
                "GRANT ALL ON slurm_acct.* TO 'slurm'@'127.0.0.1'"
            )
        if name == "slurmdbd":
            with contextlib.suppress(LabFailed):  # it is there already
                self.run("sacctmgr", "-i", "add", "cluster", self.plan.cluster)

    def _make_database(self) -> None:
        shutil.chown(self.plan.folder / "database", "mysql", "mysql")
        options = ("--no-defaults", "--user=mysql", "--auth-root-authentication-method=socket")
        database = self.plan.folder / "database"
        # Two that are made at once would mix up their temporary tables in one folder.
        options += (f"--datadir={database}", f"--tmpdir={database}")
        self.run("mariadb-install-db", *options, "--skip-test-db", "--skip-name-resolve")

    def _ask_database(self, statement: str) -> str:
        where = f"--socket={self.plan.folder}/database/socket"
        return self.run("mariadb", "--no-defaults", "-uroot", where, "-e", statement)

    def _spawn(self, name: str, command: Sequence[str]) -> None:
        tied = ["setpriv", "--pdeathsig", "KILL"] if self.tied else []
        limited = ["prlimit", f"--nofile={MOST_DESCRIPTORS}", *tied, *command]
        with (self.plan.folder / "log" / f"{name}.out").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - a list of our own
                limited,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd="/",
                start_new_session=True,
            )
        process.returncode = 0  # from here on psutil looks after it, also from other processes
        born = psutil.Process(process.pid).create_time()
        (self.plan.folder / "pid" / f"{name}.json").write_text(json.dumps([process.pid, born]))

    def _find(self, name: str) -> psutil.Process | None:
        """Return the process that was started under a name, if it is that one still."""
        try:
            pid, born = json.loads((self.plan.folder / "pid" / f"{name}.json").read_text())
            process = psutil.Process(pid)
            is_alive = process.status() != psutil.STATUS_ZOMBIE
            return process if is_alive and process.create_time() == born else None
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None

    def _wait(self, is_so: Callable[[], object], what: str) -> None:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up_at:
            with contextlib.suppress(LabFailed, subprocess.TimeoutExpired):
                if is_so() is not False:
                    return
            time.sleep(0.1)
        raise LabFailed(f"Waited in vain for {what}; see {self.plan.folder}/log.")


def find_free_ports(count: int) -> int:
    """Return the first of that many ports in a row on which nobody listens now.

    While this process lives, nobody else is given them: two labs may begin at once.
    """
    while True:
        base = 20_000 + 16 * secrets.randbelow(700)  # below those that outgoing connections get
        if any(_listens(base + offset) for offset in range(count)):
            continue
        mark = socket.socket()
        try:
            mark.bind(("127.0.0.1", base + UNUSED))
        except OSError:
            mark.close()
            continue
        mark.detach()  # kept until this process ends
        return base


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _find_machine(process: psutil.Process) -> str:
    """Return the machine that a process believes to be on; "" once it is gone."""
    try:
        return str(Path(f"/proc/{process.pid}/ns/uts").readlink())
    except OSError:
        return ""


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
