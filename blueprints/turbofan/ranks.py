"""One process on each node, alone or together: who I am, what we agree on, on which device."""

import os
from datetime import timedelta

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

# Operations per second in bfloat16 without sparsity, from the makers' data sheets.
PEAK_FLOP_PER_SECOND = {"H100": 989e12, "H200": 989e12, "GH200": 989e12, "A100": 312e12}


class Ranks:
    """The processes of this run. The first of them writes; the others only train."""

    def __init__(self):
        self.count = int(os.environ.get("ALLMENDE_NODES", "1"))
        self.rank = int(os.environ.get("ALLMENDE_NODE_RANK", "0"))
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self.count > 1:
            distributed.init_process_group(
                "nccl" if self.device.type == "cuda" else "gloo",
                init_method="env://",
                rank=self.rank,
                world_size=self.count,
                timeout=timedelta(seconds=120),
            )

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
        name = torch.cuda.get_device_name() if self.device.type == "cuda" else ""
        peaks = [peak for device, peak in PEAK_FLOP_PER_SECOND.items() if device in name.split()]
        return self.count * peaks[0] if peaks else None

    def leave(self):
        """End the group."""
        if self.count > 1:
            distributed.destroy_process_group()
