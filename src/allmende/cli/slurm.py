"""Slurm clusters: what ran there, whether all of it is charged, and what the policy says there."""

import typer

from allmende.cli import cluster_accounts, slurm_policy

app = typer.Typer()
app.add_typer(cluster_accounts.app, name="account")
app.command("plan")(slurm_policy.plan)
app.command("apply")(slurm_policy.apply)
app.command("drift")(slurm_policy.find_drift)
