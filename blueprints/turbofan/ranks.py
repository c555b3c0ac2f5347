"""Several processes, or one alone: who I am, what we agree on, on which device.

The platform starts one on each node; torchrun may start one for each GPU.
"""

import os
import signal
from datetime import timedelta

import torch
from recipe import find_peak_flop_per_second
from torch import distributed
from torch.nn.parallel import DistributedDataParallel


class Ranks:
    """The processes of this run. The first of them writes; the others only train."""

    def __init__(self):
        places = os.environ
        self.count = int(places.get("WORLD_SIZE") or places.get("ALLMENDE_NODES", "1"))
        self.rank = int(places.get("RANK") or places.get("ALLMENDE_NODE_RANK", "0"))
        self.device = torch.device("cpu")
        if torch.cuda.is_available():
            self.device = torch.device("cuda", int(places.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(self.device)
        if self.count > 1:
            distributed.init_process_group(
                "nccl" if self.device.type == "cuda" else "gloo",
                init_method="env://",
                rank=self.rank,
                world_size=self.count,
                timeout=timedelta(seconds=120),
            )
        if not self.is_first:
            # All are asked to stop; the first answers for all, after a step that all have taken.
            for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)

    @property
    def is_first(self):
        return self.rank == 0

    def wrap(self, module):
        """Return the module with its gradients averaged over all processes."""
        return DistributedDataParallel(module) if self.count > 1 else module

    def agree(self, number):
        """Return the number that the first process gives; all of them must ask."""
        if self.count == 1:
            return number
        said = torch.tensor([number], dtype=torch.int64, device=self.device)
        distributed.broadcast(said, src=0)
        return int(said)

    def share(self, tensors):
        """Make the tensors those of the first process, in place."""
        if self.count > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, src=0)

    def autocast(self):
        """Return the context in which a GPU multiplies in bfloat16; a CPU stays exact."""
        return torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda")

    def peak_flop_per_second(self):
        """Return the peak of all devices together, or None where it is not known."""
        if self.device.type != "cuda":
            return None
        peak = find_peak_flop_per_second(torch.cuda.get_device_name())
        return peak and peak * self.count

    def leave(self):
        """End the group."""
        if self.count > 1:
            distributed.destroy_process_group()
