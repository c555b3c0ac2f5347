"""Run inside the environment of the peer: EASY of AccaSim on a trace, its seconds as JSON.

The peer was written for older Pythons: it imports from `collections` what has moved since.
"""

import collections
import collections.abc
import contextlib
import json
import sys
import time
from pathlib import Path

for moved in ("Mapping", "MutableMapping", "Sequence", "Iterable"):
    setattr(collections, moved, getattr(collections.abc, moved))

from accasim.base.allocator_class import FirstFit  # noqa: E402 - needs what stands above
from accasim.base.scheduler_class import EASYBackfilling  # noqa: E402
from accasim.base.simulator_class import Simulator  # noqa: E402


def main() -> None:
    """Replay FOLDER/trace.swf on the machine of FOLDER/machine.json, `quiet` or as `usual`."""
    folder, writes = Path(sys.argv[1]), sys.argv[2] == "usual"
    simulator = Simulator(
        str(folder / "trace.swf"),
        str(folder / "machine.json"),
        EASYBackfilling(FirstFit()),
        scheduling_output=writes,
        statistics_output=writes,
        show_statistics=False,
        RESULTS_FOLDER_PATH=str(folder),
        LOG_LEVEL="ERROR",
    )
    with contextlib.redirect_stdout(sys.stderr):
        begun = time.perf_counter()
        simulator.start_simulation()
        seconds = time.perf_counter() - begun
    print(json.dumps({"jobs": simulator.dispatched_jobs, "seconds": seconds}))


if __name__ == "__main__":
    main()
