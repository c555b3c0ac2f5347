"""The agent as it runs at a site whose clock is wrong: `python -m … SITE SKEW_SECONDS`."""

import sys
from dataclasses import replace
from datetime import timedelta

from allmende import wiring
from allmende.agent import loop
from allmende.backends.local import LocalBackend
from allmende.domain.scheduling.backends import Backend
from allmende.wiring import home, machines
from allmende.wiring.factory import load_factory

HEARTBEAT_SECONDS, MOST_SECONDS = 0.2, 2.0


class Skewed(LocalBackend):
    """A machine whose clock is wrong, in everything that it says."""

    skew = timedelta()

    def observe(self, keys):
        return [self.shift(seen) for seen in super().observe(keys)]

    def shift(self, seen):
        started_at = seen.started_at and seen.started_at + self.skew
        return replace(
            seen, started_at=started_at, ended_at=seen.ended_at and seen.ended_at + self.skew
        )


def main(site: str, skew_seconds: float) -> None:
    Skewed.skew = timedelta(seconds=skew_seconds)
    right_now = wiring.now
    wiring.now = lambda: right_now() + Skewed.skew
    local = Skewed(home.home() / "work", minimum_free_bytes=0)

    def backend_of(partition_id: str) -> Backend:
        partition = load_factory().get_partition(partition_id)
        return machines.machine_of(partition_id) if partition.is_on_slurm else local

    loop.run(
        site,
        backend_of=backend_of,
        heartbeat_seconds=HEARTBEAT_SECONDS,
        most_seconds=MOST_SECONDS,
    )


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
