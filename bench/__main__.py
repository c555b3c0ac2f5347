"""Run every benchmark of this folder, each in a process of its own: `python -m bench [NAME …]`."""

import pkgutil
import subprocess
import sys

import bench

# What is no benchmark, and the one that takes long and needs a Slurm: `make bench-slurm`.
APART = ("__main__", "slurm")


def main() -> None:
    """Run the benchmarks that are named, or all but the one on Slurm."""
    names = sys.argv[1:] or sorted(
        module.name
        for module in pkgutil.iter_modules(bench.__path__)
        if module.name not in APART and not module.ispkg
    )
    for name in names:
        subprocess.run([sys.executable, "-m", f"bench.{name}"], check=True)


if __name__ == "__main__":
    main()
