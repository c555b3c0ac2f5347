"""The policy of a cluster as its commands print it, and the words that change it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.backends.slurm.associations import (
    ASSOCIATION_COLUMNS,
    QOS_COLUMNS,
    ListingUnreadable,
    parse_associations,
    parse_configuration,
    parse_longest_seconds,
    parse_qos,
    parse_used_minutes,
    render_change,
)
from allmende.backends.slurm.client import CommandRefused
from allmende.backends.slurm.policies import SlurmPolicies
from allmende.domain.basics.sites import RunAs, SlurmCluster
from allmende.domain.scheduling.slurm_policies import (
    ALL_CLOSED,
    Change,
    ChangeKind,
    ItemKey,
    ItemKind,
    account_key,
    qos_key,
    user_key,
)

RECORDINGS = Path(__file__).parent / "recordings"


def read(name: str) -> str:
    return (RECORDINGS / f"{name}-22.05.txt").read_text()


def unusual(policy, key):
    """Return the settings of an item that are not as Slurm has them by itself."""
    usual = key.kind.defaults
    return {name: value for name, value in policy[key].items() if value != usual[name]}


def test_every_setting_that_policy_speaks_of_is_read():
    assert set(ItemKind.ACCOUNT.defaults) == set(ASSOCIATION_COLUMNS)
    assert set(ItemKind.QOS.defaults) == set(QOS_COLUMNS)


def test_accounts_and_users_are_read_with_their_settings():
    policy = parse_associations(read("sacctmgr-associations"))
    assert [key.text for key in policy] == [
        "account:root",
        "user:root@root",
        "account:allmende",
        "account:sme",
        "account:pr-1",
        "user:games@pr-1/booster",
        "user:news@pr-1",
    ]
    assert unusual(policy, account_key("pr-1")) == {
        "Parent": "sme",
        "GrpTRES": "gres/gpu=4,node=2",
        "GrpTRESMins": "node=240",
        "MaxWall": "00:30:00",
        "QOS": "normal,sme",
        "DefaultQOS": "sme",
    }
    news = policy[ItemKey(kind=ItemKind.USER, name="news", account="pr-1")]
    assert {**ALL_CLOSED, "Fairshare": "parent"}.items() <= news.items()
    assert "Parent" not in news


def test_a_qos_is_read_with_its_settings():
    policy = parse_qos(read("sacctmgr-qos"))
    assert unusual(policy, qos_key("sme")) == {
        "Description": "allmende:here",
        "Preempt": "normal",
        "GraceTime": "00:01:30",
        "Flags": "DenyOnLimit,NoReserve",
        "UsageFactor": "0.500000",
        "MaxTRESPerJob": "node=2",
        "MaxWall": "1-00:00:00",
    }
    assert unusual(policy, qos_key("normal")) == {"Description": "Normal QOS default"}


def test_a_description_may_hold_anything():
    text = read("sacctmgr-qos").replace("Normal QOS default", "a|b")
    assert parse_qos(text)[qos_key("normal")]["Description"] == "a|b"


def test_what_accounts_have_used_is_read_and_users_are_not_counted_twice():
    used = parse_used_minutes(read("sshare"))
    assert set(used) == {"root", "allmende", "sme", "pr-1"}
    assert (used["pr-1"]["mem"], used["pr-1"]["gres/gpu"]) == (58, 0)


def test_the_configuration_is_read():
    found = parse_configuration(read("scontrol-config"))
    assert found["AccountingStorageEnforce"] == "associations,limits,qos,safe"
    assert found["PriorityDecayHalfLife"] == "00:00:00"


@pytest.mark.parametrize("parse", [parse_associations, parse_qos, parse_used_minutes])
def test_a_listing_that_was_cut_off_is_refused_as_a_whole(parse):
    with pytest.raises(ListingUnreadable):
        parse("sme|allmende\n")


def change(kind, key, before, after):
    return Change(kind=kind, key=key, before=before, after=after)


def test_something_new_is_added_with_what_is_set():
    words = render_change(
        change(
            ChangeKind.ADD, user_key("mina", "pr-1", "booster"), {}, {"QOS": "sme", "MaxWall": ""}
        ),
        "lab",
    )
    assert words == (
        "-i", "-Q", "add", "user",
        "name=mina", "account=pr-1", "cluster=lab", "partition=booster", "QOS=sme",
    )  # fmt: skip


def test_a_change_takes_away_each_tres_that_is_no_longer_wanted():
    words = render_change(
        change(
            ChangeKind.CHANGE,
            account_key("pr-1"),
            {"GrpTRESMins": "gres/gpu=5,node=9", "MaxJobs": "3"},
            {"GrpTRESMins": "node=240", "MaxJobs": ""},
        ),
        "lab",
    )
    assert words == (
        "-i", "-Q", "modify", "account", "where", "name=pr-1", "cluster=lab",
        "set", "GrpTRESMins=gres/gpu=-1,node=240", "MaxJobs=-1",
    )  # fmt: skip


def test_a_user_everywhere_is_not_taken_for_all_that_they_have_in_the_account():
    key = ItemKey(kind=ItemKind.USER, name="mina", account="pr-1")
    words = render_change(change(ChangeKind.CLOSE, key, {}, ALL_CLOSED), "lab")
    assert "partition=" in words


def test_what_a_qos_has_is_taken_away_in_its_own_way():
    words = render_change(
        change(
            ChangeKind.CHANGE,
            qos_key("sme"),
            {"Flags": "NoReserve", "Preempt": "normal", "GraceTime": "00:00:00"},
            {"Flags": "", "Preempt": "", "GraceTime": "1-00:01:30"},
        ),
        "lab",
    )
    assert words[-3:] == ("Flags=-1", "Preempt=", f"GraceTime={24 * 3600 + 90}")


@given(
    st.dictionaries(st.sampled_from(["node", "gres/gpu", "cpu"]), st.integers(0, 99)),
    st.dictionaries(st.sampled_from(["node", "gres/gpu", "cpu"]), st.integers(0, 99)),
)
def test_no_tres_is_left_over_from_before(before, after):
    def text(amounts):
        return ",".join(f"{tres}={amount}" for tres, amount in amounts.items())

    asked = change(
        ChangeKind.CHANGE, account_key("a"), {"GrpTRES": text(before)}, {"GrpTRES": text(after)}
    )
    *_, word = render_change(asked, "lab")
    told = dict(each.rsplit("=", 1) for each in word.removeprefix("GrpTRES=").split(",") if each)
    kept = {**{tres: str(n) for tres, n in before.items()}, **told}
    assert {tres: n for tres, n in kept.items() if n != "-1"} == {
        tres: str(n) for tres, n in after.items()
    }


def test_a_partition_without_a_limit_has_none():
    text = read("scontrol-partitions")
    assert "PartitionName=endless" in text
    assert parse_longest_seconds(text) == {"booster": 24 * 3600, "short": 300}
    assert parse_longest_seconds("No partitions in the system") == {}


class Refusing:
    """A client of a cluster that says no, in given words."""

    def __init__(self, problem):
        self.problem = problem
        self.cluster = SlurmCluster(cluster="lab", work_folder="/nowhere")

    def run(self, command, *_arguments, **_options):
        raise CommandRefused(cluster="lab", command=command, problem=self.problem)


def test_adding_what_is_there_is_done_already():
    added = change(ChangeKind.ADD, account_key("sme"), {}, {"Parent": "allmende"})
    SlurmPolicies(Refusing("Nothing new added.")).change(added)
    with pytest.raises(CommandRefused):
        SlurmPolicies(Refusing("This account 'x' doesn't exist.")).change(added)


def test_changing_what_is_gone_is_refused():
    changed = change(ChangeKind.CHANGE, account_key("sme"), {}, {"Fairshare": "2"})
    with pytest.raises(CommandRefused):
        SlurmPolicies(Refusing("Nothing modified")).change(changed)


def test_where_jobs_run_under_one_account_its_name_is_told(monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "service")
    answers = {"show associations": "sacctmgr-associations", "show qos": "sacctmgr-qos"}

    class Client(Refusing):
        def run(self, command, *arguments, **_options):
            if command == "sacctmgr":
                return read(answers[" ".join(arguments[2:4])])
            return read("sshare" if command == "sshare" else f"scontrol-{arguments[1]}")

    shared, own = Client(""), Client("")
    shared.cluster = SlurmCluster(cluster="lab", work_folder="/nowhere", run_as=RunAs.NOBODY)
    assert SlurmPolicies(shared).read().shared_user == "service"
    state = SlurmPolicies(own).read()
    assert state.shared_user == ""
    assert state.longest_seconds == {"booster": 24 * 3600, "short": 300}
    assert {account_key("pr-1"), qos_key("sme")} <= set(state.policy)
