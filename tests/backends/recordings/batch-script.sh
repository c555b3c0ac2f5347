#!/bin/bash
# Attempt j-7k2m9x4q.2, written by Allmende. Requeued by Slurm, it runs again as the next attempt.
PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin
home=/shared/work/j-7k2m9x4q/home runs=/shared/work/j-7k2m9x4q/runs notes=/shared/work/j-7k2m9x4q/attempts
attempt=$((2 + ${SLURM_RESTART_COUNT:-0}))

# One job does the work of this submission, whoever submitted how often: the one that is named here.
# Requeued, it works only if Allmende has decided on that attempt and named it; else nobody will.
claim=$runs/2.job mine=$SLURM_JOB_ID
[ "$attempt" = 2 ] || claim=$runs/$attempt.requeued mine=nobody
echo "$mine" > "$claim.$SLURM_JOB_ID" || exit 71
ln "$claim.$SLURM_JOB_ID" "$claim" 2> /dev/null
rm -f "$claim.$SLURM_JOB_ID"
owner=$(cat "$claim") || exit 71
[ "$owner" = "$SLURM_JOB_ID" ] || exit 0

# Keeps the log within its room. It outlives the command, and is begun again should it be ended;
# without Python on the nodes the log has its beginning, and how much more there was.
log=$runs/$attempt.log
keep() { python3 -I -S -c '...' "$log" 67108864 3600 2> /dev/null; }
exec 4> >(
    trap '' TERM
    keep || keep || {
        stdbuf -o0 head -c 67108864 >> "$log"
        more=$(wc -c)
        [ "$more" = 0 ] || printf '\n[%d bytes are left out here.]\n' "$more" >> "$log"
    }
)
keeper=$!

begun=$(date +%s)
mkdir -p -m 700 "$home/out" "$home/checkpoints" "$home/data"
(
    # Put together before the job's own variables may take the names of these here.
    set -- "$(command -v /opt/slurm/bin/srun)" --nodes=4 --ntasks=4 --ntasks-per-node=1 \
        --cpus-per-task=72 --kill-on-bad-exit=1 --export=ALL --input=none \
        --open-mode=append --output=/dev/fd/4 \
        /bin/bash -c '
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
' allmende "$runs/$attempt" /shared/work/j-7k2m9x4q/home/src torchrun train.py --title 'it'"'"'s'
    export PATH="/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
    export LANG="C.UTF-8"
    export HOME="$home"
    export TMPDIR="${TMPDIR:-/tmp}"
    export ALLMENDE_DATA="$home/data"
    export OMP_NUM_THREADS="72"
    export PYTHONUNBUFFERED="1"
    export TORCH_DISABLE_SHARE_RDZV_TCP_STORE="1"
    export ALLMENDE_JOB_ID="j-7k2m9x4q"
    export ALLMENDE_ATTEMPT="$attempt"
    export ALLMENDE_OUT="$home/out"
    export ALLMENDE_CHECKPOINTS="$home/checkpoints"
    export ALLMENDE_PROGRESS="$home/progress.jsonl"
    export ALLMENDE_DEADLINE_EPOCH="$((begun + 3600))"
    export ALLMENDE_NODES="4"
    export ALLMENDE_GPUS_PER_NODE="4"
    export MASTER_ADDR="$SLURMD_NODENAME"
    export MASTER_PORT="$((20000 + SLURM_JOB_ID % 10000))"
    export SEED=1
    exec "$@"
) &
step=$!
exec 4>&-

# Ask the command to save and leave; after the grace it is ended. The step may not have begun yet,
# and the controller may be away: then srun is told, which takes its tasks along.
leave() {
    echo "$(date +%s) $1" >> "$runs/$attempt.asked"
    {
        for try in 1 2 3; do /opt/slurm/bin/scancel --signal=TERM "$SLURM_JOB_ID.0" && break; sleep 1; done
        # Half a second more: killed while it ends, a step may hang, and Slurm drains its node.
        sleep "$2.5"
        while kill -0 "$step"; do
            echo "$2" > "$runs/$attempt.killed"
            /opt/slurm/bin/scancel --signal=KILL "$SLURM_JOB_ID.0" || kill "$step"
            sleep 1
        done
    } > /dev/null 2>&1 &
}
# SIGUSR1 comes from our own clock, from Slurm before its time limit, which is never earlier than
# ours, and, on clusters that announce preemption, before that.
used_up() {
    local left=$((begun + 3600 - $(date +%s)))
    if [ "$left" -le 0 ]; then leave timeout 30
    elif [ "$left" -gt $((60 + 30)) ]; then leave preempted 30
    fi
}
trap used_up USR1
trap 'leave requested "$(cat "$notes/$attempt/grace" 2> /dev/null || echo 30)"' USR2
trap : TERM
{ sleep 3600; kill -USR1 $$; } > /dev/null 2>&1 &
while wait "$step"; code=$?; kill -0 "$step" 2> /dev/null; do :; done
while kill -0 "$keeper" 2> /dev/null; do wait "$keeper" || sleep 0.1; done
exit $code
