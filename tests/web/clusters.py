"""A cluster for the pages: policy was applied to it, and then somebody changed things by hand."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from allmende import wiring
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.periods import Period
from allmende.domain.basics.sites import Partition
from allmende.domain.basics.usage_records import UsageRecord
from allmende.domain.scheduling.slurm_policies import account_key
from allmende.services import reconciliations as services
from allmende.services import slurm_policies, steering, usage_collecting
from allmende.services.deeds import Deed
from allmende.storage import usage as usage_store
from allmende.web.pages import clusters, reconciliations, sites
from allmende.web.pages import usage as usage_pages
from tests.services.slurm_model import FACTORY, SITE, ModelCluster
from tests.services.steered_queue import Queue
from tests.services.usage_worlds import Accounting
from tests.web.factory import World


def show_a_cluster(patch: pytest.MonkeyPatch) -> None:
    """Let the pages of clusters show one."""
    cluster = ModelCluster()
    patch.setattr(clusters, "load_factory", lambda: FACTORY)
    patch.setattr(clusters, "policy_keeper_of", lambda _: cluster)
    slurm_policies.apply_policy(
        lambda: wiring.deed_of(DAEMON), SITE, keeper_of=lambda _: cluster, factory=FACTORY
    )
    cluster.set_by_hand(account_key("industry"), Fairshare="900", MaxJobs="3")
    cluster.set_by_hand(account_key("somebodys-own"), Parent="sme")
    cluster.configuration = {**cluster.configuration, "PriorityDecayHalfLife": "7-00:00:00"}
    for partition in FACTORY.get_site(SITE).partitions:
        steer_for_an_hour(partition)


def show_usage(patch: pytest.MonkeyPatch, world: World) -> World:
    """Let a cluster have run jobs, some nobody's; return the world with what can be looked at."""
    accounting, project_id = Accounting(), world.project.id
    for module in (usage_pages, reconciliations, sites):
        patch.setattr(module, "load_factory", lambda: FACTORY)
    patch.setattr(reconciliations, "usage_reader", lambda _: accounting)
    now, site = wiring.now(), FACTORY.get_site(SITE)
    ended_at = now - timedelta(seconds=1)

    def a_run(job_id: int, account: str, **of: object) -> UsageRecord:
        facts: dict[str, Any] = {
            "cluster": site.slurm.cluster,
            "job_id": 4710 + job_id,
            "submitted_at": ended_at - timedelta(minutes=1),
            "user_name": "mina",
            "account": account,
            "partition": "booster",
            "job_name": "preprocess",
            "state": "COMPLETED",
            "started_at": ended_at - timedelta(seconds=job_id),
            "ended_at": ended_at,
            "allocated_nodes": 1,
            "allocated_cores": 4,
            "allocated_gpus": 0,
        }
        return UsageRecord(**{**facts, **of})

    accounting.records = [
        a_run(7, project_id),
        a_run(9, project_id, state="NODE_FAIL"),
        a_run(5, "somebodys-own", user_name="rolf", job_name="mpirun"),
        a_run(8, project_id, partition="login"),
        a_run(6, project_id, state="RUNNING", ended_at=None),
    ]
    deed = wiring.deed_of(DAEMON)
    usage_collecting.collect(deed, site, reader=accounting)
    accounting.records.append(a_run(4, project_id))
    kept = services.reconcile_and_keep(
        lambda: wiring.deed_of(DAEMON),
        SITE,
        period=Period(starts_at=now - timedelta(days=20), ends_at=now + timedelta(days=1)),
        factory=FACTORY,
        reader_of=lambda _: accounting,
    )
    found = usage_store.list_usages(project_id=project_id, limit=9)
    lost = next(each for each in found if each.record.state == "NODE_FAIL")
    return replace(world, usage_number=str(lost.number), reconciliation=str(kept.number))


def steer_for_an_hour(partition: Partition) -> None:
    """Let others have had the nodes, and the SMEs get their claim back; once it was silent."""
    now, queue = wiring.now(), Queue()
    for look in range(120):
        queue.fill("sme", running=3 if 6 < look % 48 < 16 else 5, waiting=9)
        queue.is_silent = 60 < look < 66
        at = now - timedelta(seconds=25 * (120 - look))
        deed = Deed(actor=DAEMON, now=at, new_id=wiring.new_id)
        steering.steer(deed, partition, wheel=queue)
