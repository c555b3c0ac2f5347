"""The files that Slurm's daemons read, as pure functions of where the lab is and how large."""

from dataclasses import dataclass
from pathlib import Path

PARTITION = "booster"
GPU_TYPE = "gh200"
# Above this many nodes the scans of /proc that each step makes would take the whole machine.
MOST_NODES_WITH_TRACKING = 32


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A lab as it was asked for."""

    folder: Path
    port_base: int
    nodes: int = 4
    cores: int = 8
    gpus: int = 4
    memory_megabytes: int = 16_000
    cluster: str = "lab"
    forget_seconds: int = 300  # how long the controller remembers a job that has ended
    extra: str = ""  # further lines of slurm.conf; the last line of a name counts

    @property
    def database_port(self) -> int:
        """Return where MariaDB listens, on the loopback as all of them."""
        return self.port_base

    @property
    def controller_port(self) -> int:
        """Return where slurmctld listens."""
        return self.port_base + 1

    @property
    def accounting_port(self) -> int:
        """Return where slurmdbd listens."""
        return self.port_base + 2

    @property
    def rest_port(self) -> int:
        """Return where slurmrestd listens, if it is started."""
        return self.port_base + 3

    def node_port(self, number: int) -> int:
        """Return where the slurmd of a node listens; nodes count from 1."""
        return self.port_base + 9 + number

    @property
    def node_names(self) -> list[str]:
        """Return the names of the nodes, in order."""
        width = max(2, len(str(self.nodes)))
        return [f"node{number:0{width}d}" for number in range(1, self.nodes + 1)]

    @property
    def conf(self) -> Path:
        """Return where slurm.conf lies."""
        return self.folder / "etc" / "slurm.conf"

    @property
    def munge_socket(self) -> Path:
        """Return where munged is asked."""
        return self.folder / "sock" / "munge"


def render_slurm_conf(plan: Plan, *, host: str) -> str:
    """Return slurm.conf: quick cycles, accounting that is enforced, preemption by QOS.

    A node that was set down stays so until somebody resumes it (ReturnToService=1): by itself it
    would be back with any answer that it gave a moment before it died, and jobs would go there.
    And a slurmd that has no processor for a while is not dead yet (SlurmdTimeout).
    """
    tracks = plan.nodes <= MOST_NODES_WITH_TRACKING
    folder = plan.folder
    return f"""\
ClusterName={plan.cluster}
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={plan.controller_port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={plan.munge_socket}
CredType=cred/munge
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key={folder}/etc/jwt.key
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/slurmd/%n
SlurmctldPidFile={folder}/pid/slurmctld
SlurmdPidFile={folder}/pid/slurmd-%n
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
MpiDefault=none
ProctrackType=proctrack/{"linuxproc" if tracks else "pgid"}
JobAcctGatherType=jobacct_gather/{"linux" if tracks else "none"}
JobAcctGatherFrequency=1
TaskPlugin=task/none
SwitchType=switch/none
ReturnToService=1
SlurmctldTimeout=60
SlurmdTimeout=120
InactiveLimit=0
KillWait=3
MinJobAge={plan.forget_seconds}
MaxJobCount=200000
MaxArraySize=100001
MessageTimeout=30
TCPTimeout=10
SlurmdParameters=config_overrides
GresTypes=gpu
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,bf_continue,sched_interval=1,batch_sched_delay=0,\
default_queue_depth=1000,sched_min_interval=100000,max_rpc_cnt=150,requeue_delay=1
PriorityType=priority/multifactor
PriorityFlags=ACCRUE_ALWAYS
PriorityDecayHalfLife=0
PriorityUsageResetPeriod=NONE
PriorityCalcPeriod=00:01:00
PriorityWeightQOS=1000000
PriorityWeightFairshare=100000
PriorityWeightAge=1000
PriorityMaxAge=7-0
PreemptType=preempt/qos
PreemptMode=REQUEUE
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={plan.accounting_port}
AccountingStoragePass={plan.munge_socket}
AccountingStorageEnforce=associations,limits,qos,safe
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
{_render_nodes(plan)}
PartitionName={PARTITION} Nodes=ALL Default=YES MaxTime=UNLIMITED DefaultTime=00:10:00 State=UP
{plan.extra}
"""


def _render_nodes(plan: Plan) -> str:
    gpus = f" Gres=gpu:{GPU_TYPE}:{plan.gpus}" if plan.gpus else ""
    sockets = 2 if plan.cores % 2 == 0 else 1
    return "\n".join(
        f"NodeName={name} NodeHostname={name} NodeAddr=127.0.0.1 Port={plan.node_port(number)} "
        f"Sockets={sockets} CoresPerSocket={plan.cores // sockets} ThreadsPerCore=1 "
        f"RealMemory={plan.memory_megabytes} State=UNKNOWN{gpus}"
        for number, name in enumerate(plan.node_names, start=1)
    )


def render_gres_conf(plan: Plan) -> str:
    """Return gres.conf: devices that are none, but that slurmd takes for some."""
    if not plan.gpus:
        return ""
    devices = f"{plan.folder}/dev/gpu[0-{plan.gpus - 1}]"
    return f"NodeName={','.join(plan.node_names)} Name=gpu Type={GPU_TYPE} File={devices}\n"


def render_slurmdbd_conf(plan: Plan, *, host: str) -> str:
    """Return slurmdbd.conf."""
    return f"""\
AuthType=auth/munge
AuthInfo=socket={plan.munge_socket}
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key={plan.folder}/etc/jwt.key
DbdAddr=127.0.0.1
DbdHost={host}
DbdPort={plan.accounting_port}
CommunicationParameters=NoInAddrAny
SlurmUser=root
LogFile={plan.folder}/log/slurmdbd.log
PidFile={plan.folder}/pid/slurmdbd
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={plan.database_port}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct
"""


CGROUP_CONF = """\
CgroupPlugin=cgroup/v1
CgroupAutomount=no
ConstrainCores=no
ConstrainRAMSpace=no
ConstrainDevices=no
"""


def render_hosts(plan: Plan, *, host: str) -> str:
    """Return the hosts file that each slurmd sees in place of the machine's."""
    names = "".join(f"127.0.0.1 {name}\n" for name in plan.node_names)
    return f"127.0.0.1 localhost {host}\n{names}"
