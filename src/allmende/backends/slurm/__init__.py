"""Real Slurm clusters, through the commands that every cluster has."""
