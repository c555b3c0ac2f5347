"""The whole way on a real cluster: policy, submission, a run, its hours, every second explained."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tools.slurm_lab import Lab
from tools.slurm_lab.configuration import PARTITION as BOOSTER

from allmende import wiring
from allmende.backends.slurm.backend import SlurmBackend
from allmende.backends.slurm.client import SlurmClient
from allmende.backends.slurm.policies import SlurmPolicies
from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.domain.basics.periods import Period
from allmende.domain.basics.sites import PartitionStatus, Site, SlurmCluster
from allmende.domain.scheduling.backends import EndReason
from allmende.domain.scheduling.jobs import JobState
from allmende.domain.trust.verdicts import Verdict
from allmende.services import (
    budgets,
    cluster_accounts,
    jobs,
    promises,
    reconciliations,
    slurm_policies,
    usage_collecting,
    usage_views,
)
from allmende.services.deeds import Deed
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.clusters import usage_reader
from tests.backends.slurm_site import a_folder, has_been_told
from tests.services.running import PARTITION, Running, a_running_factory
from tests.slurm_lab import a_lab
from tests.waiting import wait_until

OPERATOR = Person(id="p-operator", name="Operator", roles=frozenset({Role.OPERATOR}))


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Start a cluster that nobody has set up: the policy here is all that it knows."""
    with a_lab(nodes=2, gpus=0) as lab:
        yield lab


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


@pytest.fixture
def site(lab: Lab, factory: Running) -> Iterator[Site]:
    """Let the factory's partition be the cluster's, and the founder have an account there."""
    with a_folder() as folder:
        cluster = SlurmCluster(
            cluster=lab.plan.cluster,
            conf=str(lab.plan.conf),
            bin_folder=str(lab.plan.folder / "bin"),
            work_folder=str(folder),
        )
        here = factory.workshop.factory.get_partition(PARTITION)
        # Its groups' limits are those of the embedded partition; the lab has fewer nodes.
        there = replace(here, status=PartitionStatus.SLURM, slurm_partition=BOOSTER)
        old = factory.workshop.factory.get_site(here.site_id)
        site = replace(old, slurm=cluster, partitions=(there,))
        known = factory.workshop.factory.sites
        sites = tuple(site if each.id == site.id else each for each in known)
        backend = SlurmBackend(SlurmClient(cluster), cluster, wiring.now)
        factory.workshop = replace(
            factory.workshop,
            factory=replace(factory.workshop.factory, sites=sites),
            backend_of=lambda _: backend,
        )
        cluster_accounts.set_account(
            wiring.deed_of(OPERATOR),
            site_id=site.id,
            person_id=factory.person("founder").id,
            user_name="games",
            factory=factory.workshop.factory,
        )
        apply_policy(factory, site)
        yield site


def apply_policy(factory: Running, site: Site) -> None:
    assert site.slurm is not None
    keeper = SlurmPolicies(SlurmClient(site.slurm))
    slurm_policies.apply_policy(
        lambda: wiring.deed_of(OPERATOR),
        site.id,
        keeper_of=lambda _: keeper,
        factory=factory.workshop.factory,
    )


def collect(lab: Lab, site: Site) -> None:
    reader = usage_reader(site)
    wait_until(lambda: reader.is_up_to_date() and has_been_told(lab))
    deed: Deed = wiring.deed_of(DAEMON)
    assert usage_collecting.collect(deed, site, reader=reader).is_complete


def budget_of(factory: Running) -> budgets.Budget:
    return budgets.get_budget(factory.person("founder"), factory.story.projects["founder"])


def count_traced_seconds(factory: Running, project_id: str) -> int:
    """Return what the transfers come to that each run of a project is traced to."""
    around: dict[str, Any] = {"factory": factory.workshop.factory, "now": wiring.now()}
    founder, traced = factory.person("founder"), 0
    for line in usage_views.list_project_usage(founder, project_id, **around):
        found = usage_views.trace_project_usage(founder, project_id, line.usage.number, **around)
        moved = sum(move.charged_seconds for move in found.moves)
        assert moved == line.usage.booked_seconds
        traced += moved
    return traced


@pytest.mark.slow
def test_jobs_of_ours_and_of_anybody_are_charged_to_the_second_and_explained(
    lab: Lab, factory: Running, site: Site
):
    began = wiring.now() - timedelta(minutes=1)
    before = budget_of(factory)
    project = factory.story.projects["founder"]
    ample = {"max_duration": "5m"}
    (ours,) = factory.submit("founder", client_key="a", run="echo hello; sleep 2", **ample)
    (called_back,) = factory.submit("founder", client_key="b", run="sleep 290", **ample)
    plain = ("sbatch", "--parsable", "-A", project, "-N1", "-t", "5", "-o", "/dev/null")
    lab.run(*plain, "--wrap", "sleep 1", user_name="games")
    factory.beat_until(lambda: factory.job(called_back.id).state is JobState.RUNNING, seconds=240)
    jobs.cancel_job(factory.act("founder"), called_back.id)
    factory.run_to_end(ours.id, called_back.id, seconds=240)

    assert factory.job(ours.id).state is JobState.COMPLETED
    assert factory.job(called_back.id).state is JobState.CANCELLED
    (attempt,) = factory.attempts(ours.id)
    assert attempt.reason is EndReason.COMPLETED
    assert set(attempt.nodes) <= {"node01", "node02"}
    backend = factory.workshop.backend_of(PARTITION)
    assert b"hello" in backend.read_log(attempt.key, offset=0, limit=1000)

    wait_until(lambda: not lab.run("squeue", "-h", "-t", "PD,R,CG").strip())
    collect(lab, site)
    after = budget_of(factory)
    assert after.held_seconds == 0
    asked = ("-n", "-X", "-P", "--duplicates", "-a", "-S", "now-1hours", "-o", "elapsedraw,nnodes")
    lines = lab.run("sacct", *asked).split()
    told = sum(int(seconds) * int(nodes) for seconds, nodes in (line.split("|") for line in lines))
    assert len(lines) == 3
    assert before.available_seconds - after.available_seconds == told

    kept = reconciliations.reconcile_and_keep(
        lambda: wiring.deed_of(OPERATOR),
        site.id,
        period=Period(starts_at=began, ends_at=began + timedelta(hours=1)),
        factory=factory.workshop.factory,
        reader_of=usage_reader,
    )
    found = kept.found
    assert found.unexplained_seconds == 0
    assert sum(total.slurm_seconds for total in found.totals) == told
    assert sum(total.ledger_seconds for total in found.totals) == told
    assert count_traced_seconds(factory, project) == told
    results = promises.evaluate_promises(
        wiring.deed_of(DAEMON), factory=factory.workshop.factory, rules=load_access_rules()
    )
    metered = next(result for result in results if result.promise_id == "metered-once")
    assert metered.verdict is Verdict.KEPT, metered
