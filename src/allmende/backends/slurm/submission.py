"""The order to Slurm for one attempt: the options of sbatch, and the batch script."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from allmende.backends.jobs.ports import FIRST_PORT, PORTS
from allmende.backends.nodes import logs
from allmende.backends.slurm.client import SYSTEM_PATH
from allmende.backends.slurm.places import Place
from allmende.domain.basics.usage_records import COMMENT_PREFIX
from allmende.domain.scheduling.backends import Launch

MEBIBYTE = 2**20
LOG_KEEPER = Path(logs.__file__).read_text()

# Runs on every node, as the task of the job's only step. SIGTERM goes to all of the step's
# processes, so this one outlives it to write down how the command ended.
ON_EVERY_NODE = r"""
trace=$1.$SLURM_PROCID.end workdir=$2
shift 2
trap : TERM
end() {
    printf "%(%s)T %s %s %s\n" -1 "$1" "$2" "$SLURMD_NODENAME" > "$trace"
    exit "$1"
}
export ALLMENDE_NODE_RANK=$SLURM_PROCID
cd -- "$workdir" || end 1 no_workdir
command -v -- "$1" > /dev/null || { echo "$1: command not found" >&2; end 127 no_command; }
"$@"
end $? exit_code
"""

SCRIPT = r"""#!/bin/bash
# Attempt {key}, written by Allmende. Requeued by Slurm, it runs again as the next attempt.
PATH={path}
home={home} runs={runs} notes={notes}
attempt=$(({number} + ${{SLURM_RESTART_COUNT:-0}}))

# One job does the work of this submission, whoever submitted how often: the one that is named here.
# Requeued, it works only if Allmende has decided on that attempt and named it; else nobody will.
claim=$runs/{number}.job mine=$SLURM_JOB_ID
[ "$attempt" = {number} ] || claim=$runs/$attempt.requeued mine=nobody
echo "$mine" > "$claim.$SLURM_JOB_ID" || exit 71
ln "$claim.$SLURM_JOB_ID" "$claim" 2> /dev/null
rm -f "$claim.$SLURM_JOB_ID"
owner=$(cat "$claim") || exit 71
[ "$owner" = "$SLURM_JOB_ID" ] || exit 0

# Keeps the log within its room. It outlives the command, and is begun again should it be ended;
# without Python on the nodes the log has its beginning, and how much more there was.
log=$runs/$attempt.log
keep() {{ python3 -I -S -c {log_keeper} "$log" {log_bytes} {limit} 2> /dev/null; }}
exec 4> >(
    trap '' TERM
    keep || keep || {{
        stdbuf -o0 head -c {log_bytes} >> "$log"
        more=$(wc -c)
        [ "$more" = 0 ] || printf '\n[%d bytes are left out here.]\n' "$more" >> "$log"
    }}
)
keeper=$!

begun=$(date +%s)
mkdir -p -m 700 "$home/out" "$home/checkpoints" "$home/data"
({open_secrets}
    # Put together before the job's own variables may take the names of these here.
    set -- "$(command -v {srun})" --nodes={num_nodes} --ntasks={num_nodes} --ntasks-per-node=1 \
        --cpus-per-task={cores} --kill-on-bad-exit=1 --export=ALL --input=none \
        --open-mode=append --output=/dev/fd/4 \
        /bin/bash -c {on_every_node} allmende "$runs/$attempt" {workdir} {command}
{environment}{secrets}
    exec "$@"
) &
step=$!
exec 4>&-

# Ask the command to save and leave; after the grace it is ended. The step may not have begun yet,
# and the controller may be away: then srun is told, which takes its tasks along.
leave() {{
    echo "$(date +%s) $1" >> "$runs/$attempt.asked"
    {{
        for try in 1 2 3; do {scancel} --signal=TERM "$SLURM_JOB_ID.0" && break; sleep 1; done
        # Half a second more: killed while it ends, a step may hang, and Slurm drains its node.
        sleep "$2.5"
        while kill -0 "$step"; do
            echo "$2" > "$runs/$attempt.killed"
            {scancel} --signal=KILL "$SLURM_JOB_ID.0" || kill "$step"
            sleep 1
        done
    }} > /dev/null 2>&1 &
}}
# SIGUSR1 comes from our own clock, from Slurm before its time limit, which is never earlier than
# ours, and, on clusters that announce preemption, before that.
used_up() {{
    local left=$((begun + {limit} - $(date +%s)))
    if [ "$left" -le 0 ]; then leave timeout {grace}
    elif [ "$left" -gt $((60 + {grace})) ]; then leave preempted {grace}
    fi
}}
trap used_up USR1
trap 'leave requested "$(cat "$notes/$attempt/grace" 2> /dev/null || echo {grace})"' USR2
trap : TERM
{{ sleep {limit}; kill -USR1 $$; }} > /dev/null 2>&1 &
while wait "$step"; code=$?; kill -0 "$step" 2> /dev/null; do :; done
while kill -0 "$keeper" 2> /dev/null; do wait "$keeper" || sleep 0.1; done
exit $code
"""


@dataclass(frozen=True)
class Tools:
    """Slurm's commands as the nodes find them."""

    bin_folder: str = ""

    def find(self, command: str) -> str:
        """Return what to call."""
        return str(Path(self.bin_folder) / command) if self.bin_folder else command


def sbatch_options(launch: Launch, place: Place) -> tuple[str, ...]:
    """Return the options of sbatch for an attempt. The script comes on standard input."""
    return (
        "--parsable",
        f"--comment={COMMENT_PREFIX}{launch.key}",
        f"--job-name={launch.key}",
        *resource_options(launch),
        f"--signal=B:USR1@{max(1, launch.grace_seconds)}",
        "--requeue" if launch.requeue else "--no-requeue",
        "--open-mode=append",
        f"--output={place.runs}/{launch.attempt}.slurm.log",
        f"--chdir={place.home}",
        # Nothing of the environment that sbatch runs in, and no login shell on the node.
        "--export=NIL",
    )


def resource_options(launch: Launch) -> tuple[str, ...]:
    """Return those options of sbatch that decide when and where an attempt may start."""
    seconds = launch.time_limit_seconds + launch.grace_seconds
    given = {
        "account": launch.account,
        "qos": launch.qos,
        "partition": launch.partition,
        "constraint": launch.constraint,
        "reservation": launch.reservation,
        "nice": f"{launch.nice or ''}",
        "gres": f"gpu:{launch.gpus_per_node}" if launch.gpus_per_node else "",
        "mem": f"{-(-launch.memory_bytes_per_node // MEBIBYTE) or ''}",
    }
    return (
        *(f"--{name}={value}" for name, value in given.items() if value),
        f"--nodes={count_nodes(launch)}",
        "--ntasks-per-node=1",
        f"--cpus-per-task={launch.cores_per_node}",
        # Slurm counts in minutes: the script keeps the limit to the second, within this one.
        f"--time={-(-seconds // 60)}",
    )


def render_script(
    launch: Launch, place: Place, *, tools: Tools, log_bytes: int = logs.LIMIT_BYTES
) -> str:
    """Return the batch script of an attempt."""
    return SCRIPT.format(
        key=launch.key,
        path=SYSTEM_PATH,
        log_keeper=shlex.quote(LOG_KEEPER),
        log_bytes=log_bytes,
        home=shlex.quote(str(place.home)),
        runs=shlex.quote(str(place.runs)),
        notes=shlex.quote(str(place.root / "attempts")),
        workdir=shlex.quote(str(place.home / launch.workdir)),
        number=launch.attempt,
        environment=_render_environment(launch),
        open_secrets=_render_opening(launch),
        secrets="\n    . /dev/fd/3; exec 3<&-" if launch.secrets else "",
        srun=shlex.quote(tools.find("srun")),
        scancel=shlex.quote(tools.find("scancel")),
        num_nodes=count_nodes(launch),
        cores=launch.cores_per_node,
        on_every_node=shlex.quote(ON_EVERY_NODE),
        command=shlex.join(launch.command),
        limit=launch.time_limit_seconds,
        grace=launch.grace_seconds,
    )


def count_nodes(launch: Launch) -> int:
    """Return the number of nodes that an attempt asks for."""
    return len(launch.nodes) or launch.num_nodes


def render_secrets(launch: Launch) -> str:
    """Return the lines of the file that the batch script reads and removes."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in launch.secrets.items()]
    return "\n".join([*lines, ""])


def _render_opening(launch: Launch) -> str:
    """Return the lines that take the secrets' file: it is open, and in the folder no more."""
    if not launch.secrets:
        return ""
    path = f'"$runs/{launch.attempt}.secrets"'
    return f"\n    exec 3< {path} || exit 71\n    rm -f {path}"


def _render_environment(launch: Launch) -> str:
    """Return the lines that export the contract: ours where it speaks, else what the job says."""
    defaults = {
        "PATH": SYSTEM_PATH,
        "LANG": "C.UTF-8",
        "HOME": "$home",
        "TMPDIR": "${TMPDIR:-/tmp}",
        "ALLMENDE_DATA": "$home/data",
        "OMP_NUM_THREADS": str(launch.cores_per_node),
        "PYTHONUNBUFFERED": "1",
        # Without it a restarted torchrun meets the addresses of the dead attempt.
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
    }
    contract = {
        "ALLMENDE_JOB_ID": launch.job_id,
        "ALLMENDE_ATTEMPT": "$attempt",
        "ALLMENDE_OUT": "$home/out",
        "ALLMENDE_CHECKPOINTS": "$home/checkpoints",
        "ALLMENDE_PROGRESS": "$home/progress.jsonl",
        "ALLMENDE_DEADLINE_EPOCH": f"$((begun + {launch.time_limit_seconds}))",
        "ALLMENDE_NODES": str(count_nodes(launch)),
        "ALLMENDE_GPUS_PER_NODE": str(launch.gpus_per_node),
        # The batch script runs on the first of the nodes.
        "MASTER_ADDR": "$SLURMD_NODENAME",
        "MASTER_PORT": f"$(({FIRST_PORT} + SLURM_JOB_ID % {PORTS}))",
    }
    given = {
        name: shlex.quote(value)
        for name, value in launch.environment.items()
        if name.isidentifier() and name.isascii() and name not in contract
    }
    ours = {name: f'"{value}"' for name, value in (defaults | contract).items()}
    # Theirs over our defaults, the contract over theirs.
    lines = ours | given
    return "\n".join(f"    export {name}={value}" for name, value in lines.items())
