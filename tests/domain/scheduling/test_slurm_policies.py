"""Changes bring policy about, whatever was there, and touch nothing that is not ours."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.basics.sites import Site, SlurmCluster
from allmende.domain.scheduling.slurm_policies import (
    ALL_CLOSED,
    ChangeKind,
    ItemKey,
    ItemKind,
    NameIsTaken,
    Realm,
    account_key,
    apply_change,
    list_drift,
    list_own_accounts,
    list_wanted,
    plan_changes,
    qos_key,
    realm_of,
    user_key,
)

OURS = Realm(root_account="allmende", mark="allmende:here")
ROOT = account_key("allmende")
NAMES = st.sampled_from(["sme", "science", "pr-1", "pr-2", "pr-3"])
USERS = st.sampled_from(["mina", "otto"])
VALUES = st.sampled_from(["", "1", "2"])


def an_account(parent, **settings):
    return {**ItemKind.ACCOUNT.defaults, "Parent": parent, **settings}


def a_user(**settings):
    return {**ItemKind.USER.defaults, **settings}


def a_qos(**settings):
    return {**ItemKind.QOS.defaults, "Description": OURS.mark, **settings}


@st.composite
def wanted_policies(draw):
    """Draw a policy as it is compiled: root, groups, projects, users, and a QOS for each group."""
    policy = {ROOT: {}}
    for group in draw(st.sets(st.sampled_from(["sme", "science"]))):
        policy[qos_key(group)] = a_qos(MaxWall=draw(VALUES))
        policy[account_key(group)] = an_account("allmende", Fairshare=draw(VALUES))
        for project in draw(st.sets(st.sampled_from(["pr-1", "pr-2", "pr-3"]))):
            policy[account_key(project)] = an_account(group, GrpTRESMins=draw(VALUES))
            for user in draw(st.sets(USERS)):
                policy[user_key(user, project, "booster")] = a_user(QOS=group)
    return policy


@st.composite
def clusters(draw):
    """Draw a cluster: accounts of others, and below our root a tree that anybody has tampered with.

    Whatever stands below our root may have any place there; what is outside has names of its own.
    """
    policy = {
        account_key("root"): an_account(""),
        account_key("physics"): an_account("root", Fairshare=draw(VALUES)),
        user_key("mina", "physics", ""): a_user(MaxJobs=draw(VALUES)),
        qos_key("normal"): {**ItemKind.QOS.defaults, "Description": "Normal"},
    }
    if not draw(st.booleans()):
        return policy
    policy[ROOT] = an_account("root")
    places = ["allmende"]
    for name in draw(st.lists(st.one_of(NAMES, st.just("stray")), unique=True)):
        limits = draw(st.sampled_from([{}, ALL_CLOSED, {"MaxJobs": "3"}]))
        policy[account_key(name)] = an_account(draw(st.sampled_from(places)), **limits)
        places.append(name)
    for user, account, partition in draw(
        st.sets(st.tuples(USERS, st.sampled_from(places), st.sampled_from(["", "booster"])))
    ):
        policy[user_key(user, account, partition)] = a_user(GrpJobs=draw(VALUES))
    for group in draw(st.sets(st.sampled_from(["sme", "science"]))):
        policy[qos_key(group)] = a_qos(Flags=draw(VALUES))
    return policy


def after(policy, changes):
    for change in changes:
        policy = apply_change(policy, change)
    return policy


@given(wanted_policies(), clusters())
def test_the_changes_bring_the_policy_about_and_then_nothing_is_left(wanted, cluster):
    changed = after(cluster, plan_changes(wanted, cluster, OURS))
    for key, settings in list_wanted(wanted, cluster, OURS).items():
        assert {name: changed[key].get(name, "") for name in settings} == settings
    assert plan_changes(wanted, changed, OURS) == ()
    assert list_drift(list_wanted(wanted, cluster, OURS), changed, OURS) == ()


@given(wanted_policies(), clusters(), st.data())
def test_cut_off_anywhere_the_next_plan_reaches_the_same_end(wanted, cluster, data):
    changes = plan_changes(wanted, cluster, OURS)
    done = data.draw(st.integers(0, len(changes)))
    half_way = after(cluster, changes[:done])
    resumed = after(half_way, plan_changes(wanted, half_way, OURS))
    assert resumed == after(cluster, changes)


@given(wanted_policies(), clusters())
def test_each_change_finds_what_it_needs(wanted, cluster):
    policy = dict(cluster)
    for change in plan_changes(wanted, cluster, OURS):
        parent = change.after.get("Parent")
        assert not parent or account_key(parent) in policy
        assert not change.key.account or account_key(change.key.account) in policy
        policy = apply_change(policy, change)
        # No account was hung below itself: all that is ours still hangs below the root.
        own = set(list_own_accounts(policy, "")) | {"root"}
        assert all(key.name in own for key in policy if key.kind is ItemKind.ACCOUNT)


@given(wanted_policies(), clusters())
def test_what_is_not_ours_is_never_touched(wanted, cluster):
    changes = plan_changes(wanted, cluster, OURS)
    changed = after(cluster, changes)
    for key in (
        account_key("root"),
        account_key("physics"),
        user_key("mina", "physics", ""),
        qos_key("normal"),
    ):
        assert changed[key] == cluster[key]
    assert all(change.kind is not ChangeKind.REMOVE for change in changes)
    assert set(cluster) <= set(changed), "nothing is ever deleted"


@given(clusters())
def test_what_nobody_wants_takes_no_new_jobs(cluster):
    changed = after(cluster, plan_changes({ROOT: {}}, cluster, OURS))
    for name in list_own_accounts(changed, "allmende"):
        assert ALL_CLOSED.items() <= changed[account_key(name)].items()
    for key in changed:
        if key.account == "allmende":
            assert ALL_CLOSED.items() <= changed[key].items()


def test_an_account_of_others_is_not_taken_over():
    cluster = {ROOT: an_account("root"), account_key("science"): an_account("root")}
    wanted = {ROOT: {}, account_key("science"): an_account("allmende")}
    with pytest.raises(NameIsTaken, match=r"an account science .* not below allmende"):
        plan_changes(wanted, cluster, OURS)


def test_the_account_above_everything_is_never_ours():
    """What stands below our account and nobody wants is closed: that would be the whole cluster."""
    cluster = {account_key("root"): an_account(""), account_key("physics"): an_account("root")}
    with pytest.raises(NameIsTaken, match="everything"):
        plan_changes({}, cluster, replace(OURS, root_account="root"))


def test_a_qos_of_others_is_not_taken_over():
    cluster = {qos_key("sme"): a_qos(Description="something else")}
    with pytest.raises(NameIsTaken, match="a QOS sme"):
        plan_changes({ROOT: {}, qos_key("sme"): a_qos()}, cluster, OURS)


def test_what_policy_leaves_open_is_nobodys_drift():
    wanted = {qos_key("sme"): {"Description": OURS.mark, "MaxWall": "1"}}
    cluster = {qos_key("sme"): a_qos(Priority="1000", MaxWall="1")}
    assert plan_changes(wanted, cluster, OURS) == ()
    assert list_drift(wanted, cluster, OURS) == ()


def test_a_change_names_what_differs_and_nothing_else():
    wanted = {qos_key("sme"): a_qos(MaxWall="1")}
    (change,) = plan_changes(wanted, {qos_key("sme"): a_qos(MaxWall="7")}, OURS)
    assert (change.before, change.after) == ({"MaxWall": "7"}, {"MaxWall": "1"})


def test_drift_is_what_others_did():
    applied = {
        ROOT: {},
        account_key("sme"): an_account("allmende", Fairshare="250"),
        account_key("pr-1"): an_account("sme"),
    }
    cluster = {
        ROOT: an_account("root"),
        account_key("sme"): an_account("allmende", Fairshare="900"),
        account_key("cuckoo"): an_account("sme"),
        account_key("closed"): an_account("sme", **ALL_CLOSED),
    }
    assert [
        (d.kind, d.key.text, d.before, d.after) for d in list_drift(applied, cluster, OURS)
    ] == [
        (ChangeKind.CHANGE, "account:sme", {"Fairshare": "250"}, {"Fairshare": "900"}),
        (ChangeKind.REMOVE, "account:pr-1", an_account("sme"), {}),
        (ChangeKind.ADD, "account:cuckoo", {}, an_account("sme")),
    ]


def test_what_slurm_assumes_anyway_is_not_shown():
    add = plan_changes({ROOT: {}, account_key("sme"): an_account("allmende")}, {}, OURS)[1]
    assert add.list_settings() == (("Parent", "", "allmende"),)
    (gone,) = list_drift({account_key("sme"): an_account("allmende")}, {}, OURS)
    assert gone.list_settings() == (("Parent", "allmende", ""),)
    cluster = {ROOT: {}, account_key("sme"): an_account("allmende", Fairshare="7", MaxJobs="3")}
    (change,) = plan_changes({ROOT: {}, account_key("sme"): an_account("allmende")}, cluster, OURS)
    assert change.list_settings() == (("Fairshare", "7", "1"), ("MaxJobs", "3", ""))


def test_what_bears_the_name_of_a_site_is_ours_and_of_no_other_site():
    cluster = SlurmCluster(cluster="lab", work_folder="/scratch", root_account="factory")
    site = Site(id="here", name="H", hosting_entity="us", country="DE", slurm=cluster)
    assert realm_of(site) == replace(OURS, root_account="factory")
    assert realm_of(replace(site, id="there")).mark != OURS.mark
    with pytest.raises(AssertionError):
        realm_of(replace(site, slurm=None))


def test_keys_read_as_words():
    everywhere = ItemKey(kind=ItemKind.USER, name="mina", account="pr-1")
    assert [
        key.words.english()
        for key in (
            qos_key("sme"),
            account_key("sme"),
            user_key("mina", "pr-1", "booster"),
            everywhere,
        )
    ] == [
        "QOS sme",
        "account sme",
        "user mina in pr-1 on booster",
        "user mina in pr-1 everywhere",
    ]
    assert user_key("mina", "pr-1", "booster").text == "user:mina@pr-1/booster"
    assert ItemKey(kind=ItemKind.USER, name="mina", account="pr-1").text == "user:mina@pr-1"
    assert qos_key("sme").text == "qos:sme"
