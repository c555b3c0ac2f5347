"""Policy of a cluster: planned, applied once whatever happens, compared with what was applied."""

from dataclasses import replace
from datetime import timedelta

import pytest

from allmende.domain.basics.people import Role
from allmende.domain.basics.refusals import NotPermitted
from allmende.domain.scheduling.slurm_policies import (
    ALL_CLOSED,
    ChangeKind,
    account_key,
    qos_key,
    user_key,
)
from allmende.services import cluster_accounts, projects, slurm_policies
from allmende.services.cluster_accounts import SiteHasNoCluster
from allmende.services.slurm_policies import (
    ChangesRefused,
    Outsider,
    PlanHasChanged,
    SomebodyApplies,
)
from allmende.storage import audit as audit_store
from allmende.storage import cycles as cycle_store
from tests.services.access import NOON, deed, person
from tests.services.slurm_model import FACTORY, LATER, SITE, Killed, World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db):
    return World()


def audited():
    events = audit_store.list_events(after=0, limit=1000, subject="")
    return [event for event in events if event.action == "cluster_policy.changed"]


def test_a_new_cluster_gets_groups_projects_and_members(world):
    plan = world.plan()
    assert {change.kind for change in plan.changes} == {ChangeKind.ADD}
    assert [change.key for change in plan.changes] == [
        qos_key("industry"),
        qos_key("science"),
        qos_key("sme"),
        account_key("allmende"),
        account_key("industry"),
        account_key("science"),
        account_key("sme"),
        account_key(world.project_id),
        user_key("ada", world.project_id, "booster"),
    ]
    assert plan.shortcomings == ()
    assert plan.outsiders == ()


def test_the_plan_says_where_the_cluster_lets_jobs_run_too_short(world):
    world.cluster.longest_seconds = {"booster": 60}
    assert ["MaxTime of booster" in str(each) for each in world.plan().shortcomings] == [True]


def test_planning_changes_nothing(world):
    world.plan()
    assert world.cluster.changes == []
    assert audited() == []


def test_applying_twice_changes_nothing_the_second_time(world):
    planned = world.plan()
    assert world.apply().changes == planned.changes
    assert world.plan().changes == ()
    assert world.apply().changes == ()
    assert len(audited()) == len(planned.changes)
    assert world.drift().changes == ()


def test_the_budget_of_a_project_is_what_it_was_given_whatever_it_has_used(world):
    world.apply()
    account = account_key(world.project_id)
    assert world.cluster.policy[account]["GrpTRESMins"] == "node=240"
    # Slurm has counted what runs at this moment; the ledger has not.
    world.cluster.used_minutes = {world.project_id: {"node": 17}}
    assert world.plan().changes == ()


def test_a_suspended_project_takes_no_jobs_until_it_is_resumed(world):
    world.apply()
    account = account_key(world.project_id)
    projects.suspend_project(deed(world.olga), world.project_id, why="An audit.")
    (change,) = world.apply().changes
    assert (change.key, change.after) == (account, ALL_CLOSED)
    projects.resume_project(deed(world.olga), world.project_id)
    (change,) = world.apply().changes
    assert change.after == {"GrpJobs": "", "GrpSubmitJobs": ""}


def test_an_ended_project_is_closed_and_nothing_is_deleted(world):
    world.apply()
    much_later = NOON + timedelta(days=400)
    assert world.apply(now=much_later).changes[0].after == ALL_CLOSED
    assert user_key("ada", world.project_id, "booster") in world.cluster.policy


def test_who_gets_another_name_keeps_nothing_under_the_old_one(world):
    world.apply()
    world.give_account("ada2")
    world.apply()
    old = world.cluster.policy[user_key("ada", world.project_id, "booster")]
    assert ALL_CLOSED.items() <= old.items()
    assert user_key("ada2", world.project_id, "booster") in world.cluster.policy


def test_members_without_an_account_are_named(world):
    cluster_accounts.remove_account(
        deed(world.olga), site_id=SITE, person_id=world.ada.id, factory=FACTORY
    )
    plan = world.plan()
    assert plan.outsiders == (Outsider(project_id=world.project_id, person_id=world.ada.id),)
    assert not any(change.key.account for change in plan.changes)


@pytest.mark.parametrize(
    "kill", [("dies_before", n) for n in range(9)] + [("dies_after", n + 1) for n in range(9)]
)
def test_killed_at_any_change_the_next_one_carries_on_and_audits_each_once(world, kill):
    planned = world.plan().changes
    assert len(planned) == 9
    setattr(world.cluster, *kill)
    with pytest.raises(Killed):
        world.apply()
    world.cluster.dies_before = world.cluster.dies_after = None
    assert world.drift().changes == (), "what we did ourselves is nobody's drift"
    world.apply()
    assert world.plan().changes == ()
    assert world.drift().changes == ()
    assert tuple(world.cluster.changes) == planned
    assert len(audited()) == len({event.subject for event in audited()}) == len(planned)


def test_the_audit_chain_names_people_and_no_users(world):
    world.apply()
    subjects = [event.subject for event in audited()]
    assert f"{SITE}:user:{world.ada.id}@{world.project_id}/booster" in subjects
    assert not any("user:ada@" in subject for subject in subjects)


def test_what_somebody_changed_by_hand_is_drift_and_is_put_right(world):
    world.apply()
    account = account_key(world.project_id)
    world.cluster.set_by_hand(account, GrpTRESMins="node=99999")
    world.cluster.set_by_hand(user_key("eve", world.project_id, ""), Fairshare="100")
    first, second = world.drift().changes
    assert (first.key, first.before, first.after) == (
        account,
        {"GrpTRESMins": "node=240"},
        {"GrpTRESMins": "node=99999"},
    )
    assert (second.kind, second.key.name) == (ChangeKind.ADD, "eve")
    world.apply()
    assert world.drift().changes == ()
    assert world.cluster.policy[account]["GrpTRESMins"] == "node=240"
    assert ALL_CLOSED.items() <= world.cluster.policy[user_key("eve", world.project_id, "")].items()


def test_a_change_of_policy_here_is_no_drift(world):
    world.apply()
    world.top_up()
    assert world.drift().changes == ()
    (change,) = world.plan().changes
    assert change.after == {"GrpTRESMins": "node=300"}


def test_a_change_that_the_cluster_refuses_stops_no_other(world):
    user = user_key("ada", world.project_id, "booster")
    world.cluster.refuses = (qos_key("industry"), user)
    with pytest.raises(ChangesRefused, match=r"refused 2 of the changes.*does not want it"):
        world.apply()
    assert len(world.cluster.changes) == len(audited()) == 7
    assert world.drift().changes == ()
    world.cluster.refuses = ()
    assert [change.key for change in world.apply().changes] == [qos_key("industry"), user]
    assert len(audited()) == 9


def test_the_daemon_tells_a_cluster_what_was_decided_here(world):
    world.apply()
    world.top_up()
    assert [change.after for change in world.keep().changes] == [{"GrpTRESMins": "node=300"}]
    assert world.keep().changes == world.plan().changes == world.drift().changes == ()


def test_the_daemon_leaves_to_operators_what_others_changed(world):
    world.apply()
    world.top_up()
    world.cluster.set_by_hand(account_key("sme"), Fairshare="777")
    world.cluster.set_by_hand(account_key("cuckoo"), Parent="sme")
    drift = world.drift().changes
    assert [change.key for change in world.keep().changes] == [account_key(world.project_id)]
    assert world.drift().changes == drift
    assert {change.key.name for change in world.plan().changes} == {"sme", "cuckoo"}


def test_the_daemon_begins_nothing(world):
    assert world.keep().changes == ()
    assert world.cluster.changes == []
    assert world.drift().applied_at is None


def test_nothing_has_drifted_from_what_was_never_applied(world):
    drift = world.drift()
    assert (drift.applied_at, drift.changes) == (None, ())


def test_only_the_plan_that_was_seen_is_applied(world):
    seen = world.plan().digest
    world.give_account("ada2")
    with pytest.raises(PlanHasChanged):
        world.apply(digest=seen)
    assert world.cluster.changes == []
    world.apply(digest=world.plan().digest)
    assert world.plan().changes == ()


def test_two_operators_never_apply_at_once(world):
    cycle_store.take_lease(
        f"policy:{SITE}", holder="other", now=LATER, expires_at=LATER + timedelta(seconds=60)
    )
    with pytest.raises(SomebodyApplies):
        world.apply()
    assert world.cluster.changes == []
    world.apply(now=LATER + timedelta(seconds=61))
    assert world.plan().changes == ()


def test_whoever_lost_the_turn_while_reading_changes_nothing(world, monkeypatch):
    name, read = f"policy:{SITE}", world.cluster.read

    def read_long():
        state, now = read(), LATER + timedelta(seconds=61)
        assert cycle_store.take_lease(name, holder="other", now=now, expires_at=now)
        cycle_store.give_lease_back(name, holder="other")
        return state

    monkeypatch.setattr(world.cluster, "read", read_long)
    with pytest.raises(SomebodyApplies):
        world.apply()
    assert world.cluster.changes == []


@pytest.mark.parametrize("role", [Role.APPLICANT, Role.PROGRAMME_OFFICER, Role.AUDITOR])
def test_only_operators_apply(world, role):
    with pytest.raises(NotPermitted):
        world.apply(actor=person("someone", role))
    assert world.cluster.changes == []


def test_only_staff_of_operations_and_auditors_see_policy(world):
    world.olga = person("auditor", Role.AUDITOR)
    world.plan()
    world.drift()
    world.olga = person("someone")
    with pytest.raises(NotPermitted):
        world.plan()
    with pytest.raises(NotPermitted):
        world.drift()


def test_a_site_without_a_cluster_has_no_policy(world):
    with pytest.raises(SiteHasNoCluster):
        slurm_policies.plan_policy(
            world.olga, "berlin", keeper_of=world.keeper_of, factory=FACTORY, now=LATER
        )


def test_where_jobs_run_under_one_account_that_one_is_in_every_project(world):
    wanted = slurm_policies.compare(
        FACTORY.get_site(SITE),
        replace(world.cluster.read(), shared_user="service"),
        now=LATER,
    )
    assert user_key("service", world.project_id, "booster") in wanted.wanted
    assert wanted.outsiders == ()
