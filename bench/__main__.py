"""Run every benchmark of this folder, each in a process of its own: `python -m bench [NAME …]`."""

import pkgutil
import subprocess
import sys

import bench


def main() -> None:
    """Run the benchmarks that are named, or all of them."""
    names = sys.argv[1:] or sorted(
        module.name
        for module in pkgutil.iter_modules(bench.__path__)
        if module.name != "__main__" and not module.ispkg
    )
    for name in names:
        subprocess.run([sys.executable, "-m", f"bench.{name}"], check=True)


if __name__ == "__main__":
    main()
