"""A real cluster behind an agent: what is asked and changed from afar is as if done beside it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tools.slurm_lab import Lab
from tools.slurm_lab.configuration import PARTITION

from allmende.backends.slurm.accounting import is_final
from allmende.domain.basics.periods import Period
from allmende.domain.basics.sites import ShareGroup
from allmende.domain.basics.usage_records import UsageRecord
from allmende.domain.scheduling.errands import SaidAtSite, TroubleAtSite
from allmende.domain.scheduling.reaches import Reach
from allmende.domain.scheduling.site_guards import tell_ours
from allmende.domain.scheduling.slurm_policies import (
    Change,
    ChangeKind,
    account_key,
    qos_key,
    realm_of,
)
from allmende.domain.scheduling.steering import Level
from allmende.services.errands import FarReach
from allmende.wiring.machines import SlurmReach
from tests.agent.lines import Line, far_reach
from tests.agent.test_errands import HARZ, PLACE
from tests.backends.contract import wait_until
from tests.backends.slurm_site import a_cluster

OWED, ROOT = "far-owed", "far-root"


@pytest.fixture
def near(slurm_lab: Lab, tmp_path: Path) -> SlurmReach:
    """Return the cluster as it is reached beside it; a group and a root of its own keep it apart
    from other tests."""
    place = replace(PLACE, slurm_partition=PARTITION, groups=(ShareGroup(id=OWED, name="Owed"),))
    cluster = replace(a_cluster(slurm_lab, tmp_path), root_account=ROOT)
    return SlurmReach(replace(HARZ, slurm=cluster, partitions=(place,)))


@pytest.fixture
def line(near: SlurmReach, tmp_path: Path, db: None) -> Line:
    line = Line(None, tmp_path / "agent", reach=near)
    line.call()
    return line


@pytest.fixture
def far(line: Line, near: SlurmReach) -> FarReach:
    return far_reach(line, near.site)


def test_a_node_is_drained_and_resumed_from_afar(slurm_lab: Lab, near: SlurmReach, far: FarReach):
    (place,) = near.site.partitions
    slurm_lab.wait_for_nodes()  # of a node that finishes a job, they would say what no longer holds
    far_nodes, near_nodes = far.nodes_of(place), near.nodes_of(place)
    assert far_nodes.list_nodes() == near_nodes.list_nodes()
    name = near_nodes.list_nodes()[0].name
    for _ in range(2):
        far_nodes.drain(name, reason="A fan | rattles; State=IDLE")
    drained = next(each for each in near_nodes.list_nodes() if each.name == name)
    assert (drained.is_drained, drained.reason) == (True, "A fan | rattles; State=IDLE")
    for _ in range(2):
        far_nodes.resume(name)
    assert not any(each.is_drained for each in near_nodes.list_nodes())
    slurm_lab.wait_for_nodes()


def test_usage_is_read_from_afar_as_it_is_beside_the_cluster(
    slurm_lab: Lab, near: SlurmReach, far: FarReach
):
    slurm_lab.add_account("far-usage", "games")
    told = ("-A", "far-usage", "-t", "9", "-o", "/dev/null", "--wait", "--wrap", "true")
    slurm_lab.run("sbatch", *told, user_name="games")
    assert far.accounting().is_up_to_date() in (True, False)
    # A moment passes until the accounting has the job, and all that it will ever say of it.
    wait_until(
        lambda: any(
            is_final(each, has_run=True, now=datetime.now(UTC)) for each in read_usage(near)
        )
    )
    found = read_usage(far)
    assert found == read_usage(near)
    assert [each.user_name for each in found] == ["games"]


def read_usage(reach: Reach) -> list[UsageRecord]:
    now = datetime.now(UTC)
    period = Period(starts_at=now - timedelta(days=2), ends_at=now)
    return [each for each in reach.accounting().read(period) if each.account == "far-usage"]


def test_policy_is_made_from_afar_below_our_root_and_nowhere_else(near: SlurmReach, far: FarReach):
    ours, policies = realm_of(near.site), far.policies()
    steps = [
        (account_key(ROOT), {}),
        (qos_key(OWED), {"Description": ours.mark, "MaxWall": "00:10:00"}),
        (account_key("far-project"), {"Parent": ROOT, "GrpTRES": "node=2", "QOS": OWED}),
    ]
    for _ in range(2):
        for key, after in steps:
            policies.change(Change(kind=ChangeKind.ADD, key=key, before={}, after=after))
    told, whole = policies.read(), near.policies().read()
    assert told.policy[account_key("far-project")]["GrpTRES"] == "node=2"
    expected = tell_ours(whole, ours, partitions=whole.longest_seconds)
    assert told.policy == {
        key: {name: value for name, value in settings.items() if value}
        for key, settings in expected.policy.items()
    }
    assert told.configuration == expected.configuration != {}
    for key, after in ((account_key("root"), {"GrpJobs": "0"}), (qos_key("normal"), {"Flags": ""})):
        with pytest.raises(SaidAtSite, match="does not name it as ours"):
            policies.change(Change(kind=ChangeKind.CHANGE, key=key, before={}, after=after))
    assert near.policies().read().policy == whole.policy


def test_a_group_is_raised_and_lowered_from_afar(near: SlurmReach, far: FarReach):
    qos = Change(
        kind=ChangeKind.ADD, key=qos_key(OWED), before={},
        after={"Description": realm_of(near.site).mark},
    )  # fmt: skip
    far.policies().change(qos)
    wheel = far.wheel_of(near.site.partitions[0])
    assert wheel.look().nodes_in_service == 3
    raised = Level(group_id=OWED, is_raised=True, most_nodes=2)
    assert wheel.set_levels([raised]) == (OWED,)
    assert wheel.set_levels([raised]) == ()
    settings = near.policies().read().policy[qos_key(OWED)]
    assert (settings["Priority"], settings["GrpTRES"]) == ("1000", "node=2")
    assert wheel.set_levels([Level(group_id=OWED)]) == (OWED,)


def test_a_cluster_that_does_not_answer_its_agent_is_trouble(
    near: SlurmReach, far: FarReach, line: Line
):
    cluster = replace(near.site.slurm, bin_folder="/nowhere")
    line.reach = SlurmReach(replace(near.site, slurm=cluster))
    line.restart()
    with pytest.raises(TroubleAtSite, match="does not answer"):
        far.wheel_of(near.site.partitions[0]).look()
