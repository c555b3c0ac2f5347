"""Slurm clusters: what ran there, whether all of it is charged, and what the policy says there."""

import typer

from allmende.cli import cluster_accounts, slurm_policy, steering, usage

app = typer.Typer()
app.add_typer(cluster_accounts.app, name="account")
app.command("plan")(slurm_policy.plan)
app.command("apply")(slurm_policy.apply)
app.command("drift")(slurm_policy.find_drift)
app.command("usage")(usage.list_usage)
app.command("collect")(usage.collect_usage)
app.command("reconcile")(usage.reconcile_usage)
app.command("steering")(steering.show_steering)
