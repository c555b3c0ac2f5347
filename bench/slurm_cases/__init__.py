"""What the comparison on a real Slurm is made of: the load, a run, its records, and pictures."""
