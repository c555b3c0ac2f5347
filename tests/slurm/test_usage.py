"""Metering of a real cluster: what ran there is charged once, and every second is explained."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tools.slurm_lab import Lab
from tools.slurm_lab.configuration import PARTITION

from allmende.backends.slurm.client import ClusterUnreachable
from allmende.domain.accounting.reconciliations import Cause
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.periods import Period
from allmende.domain.basics.sites import Site, SlurmCluster
from allmende.services import reconciliations, usage_collecting
from allmende.storage import usage as store
from allmende.wiring.clusters import usage_reader
from tests.backends.slurm_site import has_been_told, hasten
from tests.services.usage_worlds import DEED, GPU, SITE, add_project, consumed, open_pools
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
ACCOUNT, FOREIGN = "pr-metered", "somebody-else"
BEGIN = datetime.now(UTC) - timedelta(minutes=1)
PLACE = replace(GPU, slurm_partition=PARTITION)


@pytest.fixture
def site(slurm_lab: Lab) -> Site:
    for account in (ACCOUNT, FOREIGN):
        slurm_lab.add_account(account, "games")
    folder = f"{slurm_lab.plan.folder}/bin"
    cluster = SlurmCluster(
        cluster="lab", conf=str(slurm_lab.plan.conf), bin_folder=folder, work_folder="/tmp"
    )
    open_pools()
    add_project(ACCOUNT, PLACE)
    return replace(SITE, slurm=cluster, partitions=(PLACE,))


def submit(lab: Lab, *options: str, account: str = ACCOUNT, script: str = "sleep 1") -> str:
    asked = ("-A", account, "-t", "60", "-o", "/dev/null", "--wrap", script)
    return lab.run("sbatch", "--parsable", *options, *asked, user_name="games").strip()


def has_run(lab: Lab, job: str) -> bool:
    """Say whether a job has run for a second or more, as accounting counts.

    What it was given stands there once slurmctld told of its start. Until then accounting may have
    it from its batch step alone, and a requeue would lose the start: Slurm's own sum lacks the run.
    """
    told = lab.run("sacct", "-n", "-P", "-X", "-j", job, "-o", "elapsedraw,alloctres").split()
    return any(not row.startswith("0|") and not row.endswith("|") for row in told)


def in_seconds(lab: Lab, *command: str) -> list[int]:
    """Return the instants that a command prints, in seconds since 1970."""
    return [int(each) for each in lab.run("env", "SLURM_TIME_FORMAT=%s", *command).split()]


def is_empty(lab: Lab, *jobs: str) -> bool:
    return not lab.run("squeue", "-h", "-j", ",".join(jobs), "-t", "PD,R,CG").strip()


def is_in(lab: Lab, job: str, state: str) -> bool:
    return state in lab.run("squeue", "-h", "-j", job, "-o", "%T")


def collect(site: Site) -> usage_collecting.Collection:
    deed = replace(DEED, now=datetime.now(UTC))
    return usage_collecting.collect(deed, site, reader=usage_reader(site))


def collect_all(lab: Lab, site: Site) -> None:
    """Read once slurmctld has told slurmdbd everything, and slurmdbd has written it down."""
    wait_until(lambda: usage_reader(site).is_up_to_date() and has_been_told(lab))
    assert collect(site).is_complete


def reconcile(site: Site) -> reconciliations.Reconciliation:
    now = datetime.now(UTC)
    period = Period(starts_at=BEGIN, ends_at=now)
    return reconciliations.reconcile(
        DAEMON, site, period=period, now=now, accounting=usage_reader(site)
    )


def line_of(found: reconciliations.Reconciliation, account: str = ACCOUNT):
    (line,) = [line for line in found.lines if line.account == account]
    return line


def slurms_own_sum(lab: Lab) -> int:
    """Return the GPU-seconds that sacct itself counts, without any code of ours."""
    fields = ("-o", "ElapsedRaw,AllocTRES%200")
    text = lab.run(
        "sacct", "-n", "-P", "-X", "-D", "-a", "-A", ACCOUNT, "-S", "2020-01-01", *fields
    )
    total = 0
    for row in text.split():
        elapsed, amounts = row.split("|")
        found = dict(part.split("=") for part in amounts.split(",") if part)
        total += int(elapsed) * int(found.get("gres/gpu", 0))
    return total


def test_every_second_of_a_real_cluster_is_charged_once_and_explained(slurm_lab: Lab, site: Site):
    lab = slurm_lab
    jobs = [
        submit(lab, "--gres=gpu:1"),
        submit(lab, "--gres=gpu:1", "--array=1-3"),
        submit(lab, "--gres=gpu:2", "-N2"),
        submit(lab, "--gres=gpu:1", "--exclusive"),
        submit(lab, "--gres=gpu:1", script="exit 3"),
        submit(lab, "--gres=gpu:1", account=FOREIGN),
    ]
    whole = submit(lab, "--exclusive")  # it asks for no GPU, and nobody else gets them
    go = lab.plan.folder / "go"
    waits = f"until [ -e {go} ]; do sleep 0.1; done; sleep 1"
    again = submit(lab, "--gres=gpu:1", "--requeue", script=waits)
    wait_until(lambda: is_in(lab, again, "RUNNING") and has_run(lab, again))
    lab.run("scontrol", "requeue", again)
    wait_until(lambda: is_in(lab, again, "PENDING"))
    go.touch()
    long = submit(lab, "--gres=gpu:1", script="sleep 3000")

    def all_are_over() -> bool:
        hasten(lab, again)
        return is_empty(lab, *jobs, whole, again)

    wait_until(all_are_over)
    wait_until(lambda: is_in(lab, long, "RUNNING") and has_run(lab, long))
    collect_all(lab, site)

    found = reconcile(site)
    assert found.unexplained_seconds == 0
    line = line_of(found)
    assert set(line.causes) == {Cause.RUNNING}
    assert consumed(ACCOUNT) == line.ledger_seconds > 0
    assert line_of(found, FOREIGN).causes.keys() == {Cause.UNKNOWN_ACCOUNT}
    runs = [usage.record for usage in store.list_usages(project_id=ACCOUNT, limit=99)]
    assert sorted(run.restarts for run in runs if run.job_id == int(again)) == [0, 1]
    assert [run.allocated_gpus for run in runs if run.job_id == int(whole)] == [lab.plan.gpus]

    lab.run("scancel", long)
    wait_until(lambda: is_empty(lab, long))
    collect_all(lab, site)
    collect_all(lab, site)  # twice, and from an hour before
    found = reconcile(site)
    assert (found.unexplained_seconds, line_of(found).difference_seconds) == (0, 0)
    assert consumed(ACCOUNT) == line_of(found).slurm_seconds == slurms_own_sum(lab)


def test_while_slurmdbd_is_down_nothing_is_lost(slurm_lab: Lab, site: Site):
    lab = slurm_lab
    collect_all(lab, site)
    before, bookmark = consumed(ACCOUNT), store.get_bookmark("lab")
    lab.kill("slurmdbd")
    try:
        job = submit(lab, "--gres=gpu:2")
        wait_until(lambda: is_empty(lab, job))
        with pytest.raises(ClusterUnreachable):
            collect(site)
        silent = store.get_bookmark("lab")
        assert silent.complete_until == bookmark.complete_until
        assert silent.trouble is not None
        assert not usage_reader(site).is_up_to_date()
    finally:
        lab.revive("slurmdbd")
    collect_all(lab, site)
    found = reconcile(site)
    assert (found.unexplained_seconds, line_of(found).difference_seconds) == (0, 0)
    assert consumed(ACCOUNT) > before
    assert consumed(ACCOUNT) == slurms_own_sum(lab)


def test_a_run_that_its_owner_takes_out_of_the_listings_is_charged(slurm_lab: Lab, site: Site):
    lab = slurm_lab
    collect_all(lab, site)
    before = consumed(ACCOUNT)
    stubborn = """srun sh -c "trap '' TERM; while :; do sleep 1; done\""""
    job = submit(lab, "--gres=gpu:2", "--requeue", script=stubborn)
    wait_until(lambda: has_run(lab, job))
    (began,) = in_seconds(lab, "squeue", "-h", "-o", "%S", "-j", job)
    lab.run("scontrol", "requeue", job, user_name="games")
    lab.run("scontrol", "hold", job, user_name="games")
    wait_until(lambda: is_in(lab, job, "PENDING"))
    lab.run("scancel", job)
    collect_all(lab, site)
    ended, *_ = in_seconds(lab, "sacct", "-n", "-P", "-X", "-D", "-o", "end", "-j", job)
    assert consumed(ACCOUNT) - before == 2 * (ended - began) > 0
    assert reconcile(site).unexplained_seconds == 0
