"""Several processes train one model: one for each GPU, or one on each node without any.

The platform starts this script once on each node. Where a node has more work to share, the script
starts itself again, once for each process, and passes signals on. Each process learns its place in
the words of torchrun, which may start them just as well.
"""

import datetime
import os
import signal
import subprocess
import sys

import numpy as np
import torch
import torch.distributed as dist
from recipe import find_peak_flop_per_second
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

# The others wait while the first process writes a large checkpoint.
TIMEOUT = datetime.timedelta(minutes=10)


def launch_on_this_node(wanted):
    """Start the processes of this node if there are several; return their exit code, else None."""
    count = wanted or max(1, torch.cuda.device_count())
    if count == 1 or "LOCAL_RANK" in os.environ:
        return None
    started, first = [], node_rank() * count

    def pass_on(number, frame):  # noqa: ARG001 - the shape that Python asks for
        for process in started:
            process.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, pass_on)
    for local in range(count):
        places = {
            "LOCAL_RANK": str(local),
            "RANK": str(first + local),
            "WORLD_SIZE": str(nodes() * count),
        }
        # Our own script with the arguments that it was given.
        command = [sys.executable, *sys.argv]
        started.append(subprocess.Popen(command, env=os.environ | places))
    return wait_for_all(started)


def nodes():
    """Return how many nodes the job has."""
    return int(os.environ.get("ALLMENDE_NODES", "1"))


def node_rank():
    """Return the number of this node, from 0."""
    return int(os.environ.get("ALLMENDE_NODE_RANK", "0"))


def wait_for_all(started):
    """Wait for every process; if one fails the others end too, for they would wait for it."""
    failed, running = 0, list(started)
    while running:
        for process in list(running):
            try:
                code = process.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
            running.remove(process)
            if code:
                failed = failed or code
            if code not in (0, 75):
                for other in running:
                    other.kill()
    return failed if failed >= 0 else 128 - failed


class Processes:
    """This process among all: its number, its device, and what they decide together."""

    def __init__(self):
        self.count = int(os.environ.get("WORLD_SIZE", nodes()))
        self.rank = int(os.environ.get("RANK", node_rank()))
        self.device = torch.device("cpu")
        if torch.cuda.is_available():
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(self.device)
        # Wide numbers where they are needed, short ones in the products: what these GPUs are for.
        self.is_short = self.device.type == "cuda" and torch.cuda.is_bf16_supported()
        if self.count > 1:
            os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
            os.environ.setdefault("MASTER_PORT", "29511")
            backend = "nccl" if self.device.type == "cuda" else "gloo"
            dist.init_process_group(backend, rank=self.rank, world_size=self.count, timeout=TIMEOUT)

    @property
    def is_first(self):
        """Say whether this process writes for all."""
        return self.rank == 0

    def share(self, model, *, sharded):
        """Return the model so that all processes train it together; it moves to its device.

        Each holds all of it and gradients are averaged: quickest. Or, sharded, each holds a part of
        every weight, its gradient and its moments, and sees one block whole at a time: a model may
        then be larger than one GPU.
        """
        if self.count == 1:
            return model.to(self.device)
        if not sharded:
            return DistributedDataParallel(model.to(self.device))
        mesh = dist.init_device_mesh(self.device.type, (self.count,))
        # What is short in the products travels short. Else autocast makes short copies of whole
        # weights, and they all stay until the gradients are known.
        kind = torch.bfloat16 if self.is_short else None
        policy = MixedPrecisionPolicy(param_dtype=kind, reduce_dtype=torch.float32)
        for block in model.blocks:  # norms stay wide, and with the root
            layers = [part for part in block.modules() if isinstance(part, torch.nn.Linear)]
            fully_shard(layers, mesh=mesh, mp_policy=policy)
        return fully_shard(model, mesh=mesh)

    def bring(self, numbers):
        """Return a tensor of ordinary memory on the device; a GPU fetches it while we go on."""
        if self.device.type == "cpu":
            return numbers
        return numbers.pin_memory().to(self.device, non_blocking=True)

    def throw_dice(self, seed, step):
        """Let what is random in a step follow from seed, step and rank alone."""
        start = np.random.SeedSequence([seed, 2, step, self.rank]).generate_state(1)
        torch.manual_seed(int(start[0]))

    def whole(self, weight):
        """Return all of a weight in ordinary memory, to the first process; every process asks."""
        if isinstance(weight, DTensor):
            weight = weight.full_tensor()
        return weight.detach().cpu() if self.is_first else None

    def deal(self, weight, value):
        """Let a weight have the value that the first process holds; every process asks."""
        value = torch.empty(weight.shape) if value is None else value
        value = value.to(self.device)
        if isinstance(weight, DTensor):
            value = distribute_tensor(value, weight.device_mesh, weight.placements)
        else:
            self.spread(value)
        with torch.no_grad():
            weight.copy_(value)

    def agree(self, *wishes):
        """Return for each wish whether any process has it: all stop and save at the same step."""
        if self.count == 1:
            return wishes
        flags = torch.tensor([int(wish) for wish in wishes], device=self.device)
        dist.all_reduce(flags, op=dist.ReduceOp.MAX)
        return [bool(flag) for flag in flags.tolist()]

    def spread(self, value):
        """Return the tensor as the first process has it; it changes in place."""
        if self.count > 1:
            dist.broadcast(value, src=0)
        return value

    def mean(self, value):
        """Return the mean of a number tensor over all processes."""
        if self.count > 1:
            value = value.clone()
            dist.all_reduce(value)
            value /= self.count
        return float(value)

    def peak_flop_per_second(self):
        """Return what all GPUs together can do at most, or None where it is not known."""
        if not self.is_short:
            return None
        peak = find_peak_flop_per_second(torch.cuda.get_device_name(self.device))
        return peak and peak * self.count
