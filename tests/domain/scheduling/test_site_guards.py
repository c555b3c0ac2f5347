"""A site lets through whatever policy plans, and nothing that reaches beyond what is ours."""

import pytest
from hypothesis import given

from allmende.domain.scheduling.site_guards import (
    BeyondOurs,
    check_change,
    check_levels,
    tell_ours,
)
from allmende.domain.scheduling.slurm_policies import (
    ALL_CLOSED,
    Change,
    ChangeKind,
    ClusterState,
    NameIsTaken,
    account_key,
    apply_change,
    list_drift,
    plan_changes,
    qos_key,
    user_key,
)
from allmende.domain.scheduling.steering import Level
from tests.domain.scheduling.test_slurm_policies import (
    OURS,
    ROOT,
    a_qos,
    a_user,
    an_account,
    clusters,
    wanted_policies,
)

PARTITIONS = ("booster",)
CLUSTER = {
    account_key("root"): an_account(""),
    account_key("physics"): an_account("root", Fairshare="7"),
    user_key("curie", "physics", ""): a_user(),
    ROOT: an_account("root"),
    account_key("sme"): an_account("allmende"),
    account_key("pr-1"): an_account("sme"),
    user_key("mina", "pr-1", "booster"): a_user(),
    user_key("otto", "pr-1", ""): a_user(),
    qos_key("sme"): a_qos(),
    qos_key("normal"): a_qos(Description="Normal QOS default"),
}


def state_of(policy):
    return ClusterState(
        policy=policy,
        used_minutes={"pr-1": {"node": 3}, "physics": {"node": 9}},
        configuration={"PreemptType": "preempt/qos", "SlurmUser": "slurm"},
        longest_seconds={PARTITIONS[0]: 60, "physics": 60},
    )


@given(wanted_policies(), clusters())
def test_whatever_policy_plans_passes_and_the_plan_needs_nothing_of_others(wanted, actual):
    told = tell_ours(state_of(actual), OURS, partitions=PARTITIONS).policy
    try:
        planned = plan_changes(wanted, actual, OURS)
    except NameIsTaken:
        with pytest.raises(NameIsTaken):
            plan_changes(wanted, told, OURS)
        return
    assert plan_changes(wanted, told, OURS) == planned
    assert list_drift(wanted, told, OURS) == list_drift(wanted, actual, OURS)
    for change in planned:
        for _ in range(2):  # and once more, should its answer have been lost
            check_change(change, actual, OURS, partitions=PARTITIONS)
            actual = apply_change(actual, change)


def test_of_others_names_alone_are_told():
    told = tell_ours(state_of(CLUSTER), OURS, partitions=PARTITIONS)
    assert told.longest_seconds == {PARTITIONS[0]: 60}
    assert told.policy[account_key("physics")] == {"Parent": "root"}
    assert told.policy[qos_key("normal")] == {"Description": "Normal QOS default"}
    assert user_key("curie", "physics", "") not in told.policy
    ours = CLUSTER.keys() - told.policy.keys()
    assert ours == {user_key("curie", "physics", "")}
    assert told.used_minutes == {"pr-1": {"node": 3}}
    assert told.configuration == {"PreemptType": "preempt/qos"}


@pytest.mark.parametrize(
    ("kind", "key", "after"),
    [
        ("change", account_key("physics"), {"Fairshare": "1"}),
        ("change", account_key("root"), ALL_CLOSED),
        ("change", ROOT, {"Fairshare": "1000"}),
        ("add", ROOT, {"Parent": "root"}),
        ("add", account_key("pr-2"), {"Parent": "physics"}),
        ("add", account_key("pr-2"), {"Fairshare": "1"}),
        ("add", account_key("pr-2,root"), {"Parent": "sme"}),
        ("add", account_key("Physics"), {"Parent": "sme"}),
        ("change", account_key("pr-9"), {"Fairshare": "1"}),
        ("change", account_key("pr-1"), {"Parent": "root"}),
        ("change", account_key("pr-1"), {"QOS": "sme,normal"}),
        ("change", account_key("pr-1"), {"DefaultQOS": "+normal"}),
        ("change", account_key("pr-1"), {"Organization": "ours"}),
        ("remove", account_key("pr-1"), {}),
        ("change", qos_key("normal"), {"Priority": "1"}),
        ("change", qos_key("normal"), {"Description": OURS.mark}),
        ("change", qos_key("sme"), {"Preempt": "normal"}),
        ("change", qos_key("sme"), {"Description": "theirs"}),
        ("add", qos_key("spare"), {"Priority": "1"}),
        ("add", qos_key("spare,normal"), {"Description": OURS.mark}),
        ("add", qos_key("Normal"), {"Description": OURS.mark}),
        ("change", user_key("curie", "physics", ""), ALL_CLOSED),
        ("add", user_key("curie", "physics", "booster"), {}),
        ("add", user_key("curie", "pr-1", "secret"), {}),
        ("add", user_key("curie", "pr-1", ""), {}),
        ("add", user_key("curie,root", "pr-1", "booster"), {}),
        ("change", user_key("otto", "pr-1", ""), {"GrpJobs": ""}),
    ],
)
def test_a_change_beyond_what_is_ours_is_refused(kind, key, after):
    change = Change(kind=ChangeKind(kind), key=key, before={}, after=after)
    with pytest.raises(BeyondOurs):
        check_change(change, CLUSTER, OURS, partitions=PARTITIONS)


def test_levels_concern_groups_of_the_partition_only():
    check_levels([Level(group_id="sme", may_stop=("science",))], groups=["sme", "science"])
    for level in (Level(group_id="normal"), Level(group_id="sme", may_stop=("normal",))):
        with pytest.raises(BeyondOurs, match="QOS normal"):
            check_levels([level], groups=["sme", "science"])
