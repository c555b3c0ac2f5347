"""A guarantee on a real Slurm: fair-share weights alone, with the controller, with preemption.

Each case runs the same load for five and a half minutes on a lab of its own, sixteen nodes that
are a slurmd each. What came of it is read from Slurm's accounting.
"""

import json
import os
import statistics
import sys
import tempfile
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from tools.slurm_lab import find_missing

from bench.slurm_cases.load import a_partition, folder

CASES = {  # name: steered, preemption
    "Slurm alone, fair-share": (False, False),
    "with the controller": (True, False),
    "with preemption, too": (True, True),
}


def main() -> None:
    console = Console(width=118)
    if missing := find_missing():
        console.print(f"No lab here: {missing}.")
        return
    with tempfile.TemporaryDirectory(prefix="allmende-bench-") as home:
        os.environ["ALLMENDE_HOME"] = home
        from allmende import wiring  # noqa: PLC0415 - the settings read the environment just set

        wiring.start()
        from django.core.management import call_command  # noqa: PLC0415

        call_command("migrate", verbosity=0)
        courses = {name: run_case(name, console) for name in CASES}
    console.print(tabulate(courses))
    from bench.slurm_cases.pictures import draw  # noqa: PLC0415

    kept = {name: asdict(course) for name, course in courses.items()}
    (folder() / "slurm.json").write_text(json.dumps(kept))
    (folder() / "slurm.svg").write_text(draw(courses))
    console.print(f"Pictures and figures are in {folder()}/slurm.svg and slurm.json.")


def run_case(name: str, console: Console):
    from bench.slurm_cases.courses import follow  # noqa: PLC0415
    from bench.slurm_cases.trial import try_case  # noqa: PLC0415

    is_steered, preemption = CASES[name]
    console.print(f"{name} …")
    partition = a_partition(f"case-{len(name)}", preemption=preemption)
    trial = try_case(partition, is_steered=is_steered)
    if trial.look_seconds:
        median, most = statistics.median(trial.look_seconds), max(trial.look_seconds)
        console.print(
            f"  a look took {median:.2f} s, at most {most:.2f} s; "
            f"worst lag that it saw: {trial.seen_worst_lag:.0f} node-seconds"
        )
    return follow(trial)


def tabulate(courses) -> Table:
    table = Table(title="Guarantee of 25 % for SMEs on 16 nodes, others saturate from 60 s on")
    table.add_column("")
    for name in courses:
        table.add_column(name, justify="right")
    first = next(iter(courses.values()))
    worst = max(first.lags)

    def row(words: str, value) -> None:
        table.add_row(words, *(value(course) for course in courses.values()))

    row("received of what it could claim", lambda c: f"{c.met_percent:.0f} %")
    row("worst lag, node-seconds", lambda c: f"{max(c.lags):.0f}")
    row("its bound", lambda c: f"{c.bound:.0f}")
    row("worst lag ÷ bound", lambda c: f"{max(c.lags) / c.bound:.2f}")
    row("worst lag ÷ that of Slurm alone", lambda c: f"{max(c.lags) / worst:.2f}")
    for group in first.waits:
        row(f"wait of {group}, median / 9 in 10, s", lambda c, g=group: _waits(c.waits[g]))
        row("  of how many that started", lambda c, g=group: str(len(c.waits[g])))
    row("nodes busy", lambda c: f"{c.busy_percent:.0f} %")
    row("runs stopped for others", lambda c: str(c.stopped_runs))
    row("work lost by that, node-seconds", lambda c: str(c.lost_node_seconds))
    return table


def _waits(waits) -> str:
    if len(waits) < 2:
        return "none started"
    tenths = statistics.quantiles(waits, n=10)
    return f"{statistics.median(waits):.0f} / {tenths[-1]:.0f}"


if __name__ == "__main__":
    sys.exit(main())
