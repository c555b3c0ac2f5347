"""`python -m tools.slurm_lab start|stop|status --folder F`."""

import argparse
import sys
from pathlib import Path

from tools.slurm_lab.lab import Lab, LabFailed


def main() -> int:
    """Do what the command line says; 0 when it worked."""
    reader = argparse.ArgumentParser(prog="python -m tools.slurm_lab", description=__doc__)
    reader.add_argument("deed", choices=("start", "stop", "status"))
    reader.add_argument("--folder", type=Path, required=True, help="where everything of it lies")
    reader.add_argument("--nodes", type=int, default=4)
    reader.add_argument("--gpus", type=int, default=4, help="of each node; they are none really")
    reader.add_argument("--port-base", type=int, default=0, help="0: wherever ports are free")
    reader.add_argument("--rest", action="store_true", help="start slurmrestd too")
    asked, say = reader.parse_args(), sys.stdout.write
    try:
        if asked.deed == "start":
            size = {"nodes": asked.nodes, "gpus": asked.gpus, "port_base": asked.port_base}
            lab = Lab.make(asked.folder, **size)
            lab.start(rest=asked.rest)
            say(f"export SLURM_CONF={lab.plan.conf}\nexport PATH={lab.plan.folder}/bin:$PATH\n")
        elif asked.deed == "stop":
            Lab.find(asked.folder.absolute()).stop()
        else:
            say(Lab.find(asked.folder.absolute()).run("sinfo"))
    except LabFailed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
