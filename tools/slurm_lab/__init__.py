"""A real Slurm on this machine, for tests, benchmarks and whoever wants to try.

`python -m tools.slurm_lab start` gives a controller, an accounting database and some nodes, each an
own slurmd; `stop` ends just what `start` began. Everything lies in one folder, nothing elsewhere.
"""

from tools.slurm_lab.lab import Lab, LabFailed, find_missing

__all__ = ["Lab", "LabFailed", "find_missing"]
