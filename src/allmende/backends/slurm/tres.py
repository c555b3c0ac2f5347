"""What a job was given, in Slurm's trackable resources: `cpu=8,mem=16G,node=2,gres/gpu=8`."""

from collections.abc import Mapping

GPU = "gres/gpu"
NOTHING = frozenset({"", "(null)", "N/A"})
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50, "E": 2**60}


def parse_tres(text: str) -> dict[str, int]:
    """Return the amounts by name; memory in bytes, which Slurm counts in MiB where no unit stands.

    Raises ValueError for what is no such list.
    """
    if text.strip() in NOTHING:
        return {}
    amounts = {}
    for part in text.strip().split(","):
        name, equals, amount = part.partition("=")
        if not name or not equals:
            raise ValueError(f"no trackable resource: {part!r}")
        amounts[name] = _parse_amount(amount, of_memory=name == "mem")
    return amounts


def count_gpus(amounts: Mapping[str, int]) -> int:
    """Return the number of GPUs, each counted once.

    Clusters name GPUs in general (`gres/gpu=8`), by type (`gres/gpu:gh200=8`), or both ways at
    once. Where both stand, the general one counts all.
    """
    if GPU in amounts:
        return amounts[GPU]
    return sum(count for name, count in amounts.items() if name.startswith(f"{GPU}:"))


def _parse_amount(text: str, *, of_memory: bool) -> int:
    # A trailing letter that says what the memory is counted by: "4000Mn" per node, "2Gc" per core.
    figure = text.rstrip("nc") if of_memory else text
    unit = figure[-1:].upper()
    if unit in UNITS:
        return round(float(figure[:-1]) * UNITS[unit])
    amount = float(figure)
    return round(amount * UNITS["M"]) if of_memory else round(amount)
