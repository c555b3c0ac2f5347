"""What people call things who come from SkyPilot, dstack, Slurm, Kubernetes or Compose."""

import re
from collections.abc import Mapping

# Our key, and what else it is called. What a close look at the letters finds stands here too
# where that would find the wrong one: gpus is nearer to cpus than to accelerators.
_OTHERS = {
    "run": "command commands cmd entrypoint script",
    "workdir": "working_dir working_directory workspace chdir",
    "envs": "env environment environment_variables variables vars",
    "image": "image_id container container_image docker docker_image",
    "params": "parameters hyperparameters hparams",
    "sweep": "grid matrix search",
    "partition": "queue",
    "num_nodes": "nodes node_count nnodes replicas",
    "resources.cpus": "cpu cpus cores vcpus cpus_per_task cpus_per_node",
    "resources.memory": "mem memory ram memory_gb",
    "resources.accelerators": "gpu gpus accelerator accelerators gres gpus_per_node gpus_per_task",
    "max_duration": "time time_limit timelimit timeout walltime wall_time duration",
    "after_ok": "depends_on dependency dependencies needs",
    "max_parallel": "parallelism concurrency",
    "data": "file_mounts mounts volumes datasets",
    "data[].uri": "source",
    "data[].mount": "path destination target",
    "preemptible": "use_spot spot spot_policy",
    "checkpoint.every": "interval checkpoint_every",
    "retry": "job_recovery restart restart_policy",
    "retry.max": "retries max_retries max_restarts max_restarts_on_errors",
    "when.deadline": "deadline",
    "when.flexible_until": "flexible_until flexible begin start_after",
    "record.licence": "licence license",
}
OURS: Mapping[str, str] = {
    theirs: ours for ours, others in _OTHERS.items() for theirs in others.split()
}
# Variables that other tools set for their jobs, and ours that says the same.
VARIABLES: Mapping[str, str] = {
    "SKYPILOT_NODE_RANK": "ALLMENDE_NODE_RANK",
    "SKYPILOT_NUM_NODES": "ALLMENDE_NODES",
    "SKYPILOT_NUM_GPUS_PER_NODE": "ALLMENDE_GPUS_PER_NODE",
    "SKYPILOT_NODE_IPS": "MASTER_ADDR",
    "SKYPILOT_TASK_ID": "ALLMENDE_JOB_ID",
    "DSTACK_NODE_RANK": "ALLMENDE_NODE_RANK",
    "DSTACK_NODES_NUM": "ALLMENDE_NODES",
    "DSTACK_GPUS_PER_NODE": "ALLMENDE_GPUS_PER_NODE",
    "DSTACK_MASTER_NODE_IP": "MASTER_ADDR",
}


def find_foreign_variables(script: str) -> dict[str, str]:
    """Return the variables of other tools that a script reads, each with ours in its place."""
    words = dict.fromkeys(re.findall(r"\b(?:SKYPILOT|DSTACK)_[A-Z_]+\b", script))
    return {theirs: VARIABLES[theirs] for theirs in words if theirs in VARIABLES}
