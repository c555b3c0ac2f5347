"""What was decided here, in Slurm's terms: shares, ceilings, widest jobs, budgets, members."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.basics.sites import Partition, PartitionStatus, ShareGroup
from allmende.domain.basics.units import TimeUnit
from allmende.domain.scheduling.policy_compilation import (
    Claim,
    ProjectClaim,
    compile_policy,
    limit_minutes,
    render_wall_time,
)
from allmende.domain.scheduling.policy_demands import list_short_partitions, list_shortcomings
from allmende.domain.scheduling.slurm_policies import (
    ALL_CLOSED,
    NameIsTaken,
    Realm,
    account_key,
    qos_key,
    user_key,
)

OURS = Realm(root_account="allmende", mark="allmende:juelich")
SME = ShareGroup(id="sme", name="SMEs", guarantee=Fraction(1, 4), weight=25, widest_job_nodes=2)
SCIENCE = ShareGroup(id="science", name="Science", weight=75, widest_job_nodes=64)
BOOSTER = Partition(
    id="jupiter-booster",
    name="Booster",
    site_id="juelich",
    country="DE",
    status=PartitionStatus.SLURM,
    unit=TimeUnit.GPU_SECONDS,
    hardware="GPUs",
    nodes=100,
    gpus_per_node=4,
    max_time_limit_seconds=24 * 3600,
    max_nodes_per_job=16,
    grace_seconds=90,
    groups=(SME, SCIENCE),
    slurm_partition="booster",
)
CONFIGURATION = {
    "AccountingStorageEnforce": "associations,limits,qos,safe",
    "AccountingStorageTRES": "cpu,mem,node,billing,gres/gpu",
    "PriorityType": "priority/multifactor",
    "PriorityDecayHalfLife": "00:00:00",
    "PriorityUsageResetPeriod": "NONE",
    "PreemptType": "preempt/none",
}


def a_project(**changes):
    claim = Claim(partition_id=BOOSTER.id, posted_seconds=600, unspent_seconds=3000)
    project = ProjectClaim(
        id="pr-1", group_id="sme", is_open=True, user_names=("mina",), claims=(claim,)
    )
    return replace(project, **changes)


def compiled(*projects, partitions=(BOOSTER,), used=None):
    return compile_policy(partitions, projects, used_minutes=used or {}, realm=OURS)


def given_settings(settings):
    return {name: value for name, value in settings.items() if value}


def test_a_group_has_its_guarantee_and_its_weight_of_the_rest():
    policy = compiled()
    # A quarter, and a quarter of the other three quarters.
    assert policy[account_key("sme")]["Fairshare"] == str(round(1000 * 7 / 16))
    assert policy[account_key("science")]["Fairshare"] == str(round(1000 * 9 / 16))
    assert policy[account_key("sme")]["Parent"] == "allmende"


def test_the_share_of_a_group_is_taken_over_all_partitions_of_the_cluster():
    other = replace(BOOSTER, id="cluster", nodes=300, groups=(SCIENCE,), slurm_partition="")
    policy = compiled(partitions=(BOOSTER, other))
    assert policy[account_key("sme")]["Fairshare"] == str(round(1000 * 7 / 16 / 4))


def test_a_group_has_a_qos_on_each_partition_of_a_cluster_that_runs_several():
    booster = replace(BOOSTER, qos_ending="-booster")
    batch = replace(BOOSTER, id="batch", groups=(SME,), slurm_partition="", qos_ending="-batch")
    batch = replace(batch, max_nodes_per_job=1, max_time_limit_seconds=3600)
    here = a_project().claims[0]
    project = a_project(claims=(here, replace(here, partition_id="batch")))
    policy = compiled(project, partitions=(booster, batch))
    assert policy[qos_key("sme-booster")]["MaxTRESPerJob"] == "node=2"
    assert policy[qos_key("sme-batch")]["MaxTRESPerJob"] == "node=1"
    assert policy[qos_key("sme-batch")]["MaxWall"] == "01:02:00"
    assert qos_key("sme") not in policy
    for account in ("sme", "pr-1"):
        assert policy[account_key(account)]["QOS"] == "sme-batch,sme-booster"
    for name in ("batch", "booster"):
        user = policy[user_key("mina", "pr-1", name)]
        assert (user["QOS"], user["DefaultQOS"]) == (f"sme-{name}", f"sme-{name}")
    assert policy[account_key("science")]["QOS"] == "science-booster"


def test_a_qos_has_the_widest_and_the_longest_job():
    qos = compiled()[qos_key("science")]
    assert given_settings(qos) == {
        "Description": "allmende:juelich",
        "Priority": "0",
        "PreemptMode": "cluster",
        "GraceTime": "00:00:00",
        "UsageFactor": "1.000000",
        "Flags": "DenyOnLimit",
        "MaxTRESPerJob": "node=16",
        "MaxWall": "1-00:02:00",
    }
    assert compiled()[qos_key("sme")]["MaxTRESPerJob"] == "node=2"


def test_a_ceiling_is_counted_in_what_the_partition_counts():
    capped = replace(SCIENCE, ceiling=Fraction(1, 3))
    gpus = compiled(partitions=(replace(BOOSTER, groups=(SME, capped)),))
    assert gpus[account_key("science")]["GrpTRES"] == "gres/gpu=133"
    assert gpus[account_key("sme")]["GrpTRES"] == ""
    in_nodes = replace(BOOSTER, groups=(SME, capped), unit=TimeUnit.NODE_SECONDS)
    assert compiled(partitions=(in_nodes,))[account_key("science")]["GrpTRES"] == "node=33"


def test_the_controller_may_move_what_guarantees_need_and_nothing_else():
    policy = compiled()
    steered = {"Priority", "Preempt", "GrpTRES"}
    assert set(policy[qos_key("science")]) - set(policy[qos_key("sme")]) == steered
    assert policy[qos_key("science")]["Priority"] == "0", "who has no guarantee is never raised"


def test_whoever_has_to_yield_has_the_grace_of_the_partition():
    lending = replace(BOOSTER, response_target_seconds=60)
    assert compiled(partitions=(lending,))[qos_key("science")]["GraceTime"] == "00:01:30"


def test_a_project_is_below_its_group_with_its_budget_and_its_members():
    policy = compiled(a_project())
    account = policy[account_key("pr-1")]
    assert (account["Parent"], account["GrpTRESMins"]) == ("sme", "gres/gpu=50")
    user = policy[user_key("mina", "pr-1", "booster")]
    assert (user["QOS"], user["DefaultQOS"], user["GrpJobs"]) == ("sme", "sme", "")


def test_a_project_that_may_not_run_takes_no_jobs_and_keeps_its_budget():
    account = compiled(a_project(is_open=False))[account_key("pr-1")]
    assert ALL_CLOSED.items() <= account.items()
    assert account["GrpTRESMins"] == "gres/gpu=50"


def test_a_project_is_only_on_the_partitions_that_it_has_time_on():
    other = replace(BOOSTER, id="other", slurm_partition="", groups=(SME,))
    policy = compiled(a_project(), partitions=(BOOSTER, other))
    assert user_key("mina", "pr-1", "booster") in policy
    assert user_key("mina", "pr-1", "other") not in policy
    elsewhere = Claim(partition_id="far-away", posted_seconds=0, unspent_seconds=9)
    assert compiled(a_project(claims=(elsewhere,)))[account_key("pr-1")]["GrpTRESMins"] == ""


def test_a_project_of_a_group_that_is_gone_is_left_out():
    assert account_key("pr-1") not in compiled(a_project(group_id="gone"))


def test_a_group_cannot_be_called_as_our_root():
    with pytest.raises(NameIsTaken):
        compile_policy([BOOSTER], [], used_minutes={}, realm=Realm(root_account="sme", mark="m"))


def test_several_claims_are_one_budget():
    claims = (
        Claim(partition_id=BOOSTER.id, posted_seconds=0, unspent_seconds=90),
        Claim(partition_id=BOOSTER.id, posted_seconds=0, unspent_seconds=90),
    )
    assert compiled(a_project(claims=claims))[account_key("pr-1")]["GrpTRESMins"] == "gres/gpu=3"


@given(
    posted=st.integers(0, 10**9),
    unspent=st.integers(0, 10**9),
    unposted=st.integers(0, 10**6),
)
def test_where_slurm_forgets_nothing_the_limit_is_what_was_given(posted, unspent, unposted):
    # Slurm has counted what was posted, and what runs at this moment besides; it shows minutes.
    limit = limit_minutes(
        posted_seconds=posted,
        unspent_seconds=unspent,
        used_minutes=(posted + unposted) // 60,
    )
    if (posted + unposted) // 60:
        assert limit == (posted + unspent) // 60
    assert limit * 60 <= posted + unspent, "a limit is never beyond what was given"


@given(
    posted=st.integers(0, 10**9),
    unspent=st.integers(0, 10**9),
    used_minutes=st.integers(0, 10**7),
)
def test_whatever_slurm_has_forgotten_less_than_a_minute_beyond_the_rest_is_left(
    posted, unspent, used_minutes
):
    limit = limit_minutes(posted_seconds=posted, unspent_seconds=unspent, used_minutes=used_minutes)
    assert (limit - used_minutes) * 60 < unspent + 60


def test_an_overrun_project_has_no_time_left():
    assert limit_minutes(posted_seconds=0, unspent_seconds=-500, used_minutes=0) == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(300, "00:05:00"), (86400, "1-00:00:00"), (90061, "1-01:01:01")]
)
def test_wall_times_are_written_as_slurm_does(seconds, text):
    assert render_wall_time(seconds) == text


def test_the_longest_job_that_may_be_submitted_is_not_refused_for_its_grace():
    longest = replace(BOOSTER, max_time_limit_seconds=300, grace_seconds=61)
    assert compiled(partitions=(longest,))[qos_key("sme")]["MaxWall"] == "00:07:00"


def test_a_commenced_minute_of_the_longest_job_counts():
    odd = replace(BOOSTER, max_time_limit_seconds=301, grace_seconds=0)
    assert compiled(partitions=(odd,))[qos_key("sme")]["MaxWall"] == "00:06:00"


def test_a_cluster_that_is_set_up_for_policy_has_no_shortcomings():
    assert list_shortcomings([BOOSTER], CONFIGURATION) == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AccountingStorageEnforce": "associations,limits,qos"}, "enforce safe"),
        ({"AccountingStorageEnforce": "none"}, "enforce associations, limits, qos, safe"),
        ({"AccountingStorageTRES": "cpu,node"}, "does not count gres/gpu"),
        ({"PriorityType": "priority/basic"}, "keeps no usage"),
        ({"PriorityDecayHalfLife": "7-00:00:00"}, "PriorityDecayHalfLife=7-00:00:00"),
        ({"PriorityUsageResetPeriod": "QUARTERLY"}, "PriorityUsageResetPeriod=QUARTERLY"),
    ],
)
def test_what_policy_cannot_rest_on_is_said(changes, words):
    (sentence,) = list_shortcomings([BOOSTER], {**CONFIGURATION, **changes})
    assert words in sentence.english()


def test_a_partition_that_leaves_no_room_for_the_grace_is_said_with_the_way_out():
    day = 24 * 3600
    (sentence,) = list_short_partitions([BOOSTER], {"booster": day, "short": 60})
    words = sentence.english()
    assert "MaxTime of booster is 1-00:00:00" in words
    assert "Set MaxTime=1-00:02:00" in words  # 90 s of grace, and Slurm keeps whole minutes
    assert f"max_time_limit_seconds = {day - 90}" in words
    (sentence,) = list_short_partitions([BOOSTER], {"booster": 60})  # shorter than the grace
    assert sentence.english().endswith("Set MaxTime=1-00:02:00 in slurm.conf.")
    assert list_short_partitions([BOOSTER], {"booster": day + 120}) == ()
    fitting = replace(BOOSTER, max_time_limit_seconds=day - 90)
    assert list_short_partitions([fitting], {"booster": day}) == ()
    assert list_short_partitions([BOOSTER], {"short": 60}) == ()  # without a limit, or not told


def test_borrowing_takes_preemption():
    lending = replace(BOOSTER, response_target_seconds=60)
    (sentence,) = list_shortcomings([lending], CONFIGURATION)
    assert "PreemptType=preempt/qos" in sentence.english()
    able = {**CONFIGURATION, "PreemptType": "preempt/qos"}
    assert list_shortcomings([lending], able) == ()


def test_two_units_on_one_cluster_are_said():
    in_nodes = replace(BOOSTER, id="cpu", unit=TimeUnit.NODE_SECONDS)
    (sentence,) = list_shortcomings([BOOSTER, in_nodes], CONFIGURATION)
    assert "different units" in sentence.english()
