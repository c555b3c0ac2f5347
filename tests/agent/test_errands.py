"""A cluster behind an agent: what is asked is answered, and nothing is half done when it fails."""

from dataclasses import replace
from datetime import timedelta

import pytest

from allmende import wiring
from allmende.agent import errands as at_site
from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sites import (
    Partition,
    PartitionStatus,
    ShareGroup,
    Site,
    SlurmCluster,
)
from allmende.domain.basics.units import TimeUnit
from allmende.domain.scheduling.errands import (
    AnswerTooLong,
    ErrandKind,
    SaidAtSite,
    TroubleAtSite,
    pack_value,
)
from allmende.domain.scheduling.exchanges import usage_to_json
from allmende.domain.scheduling.nodes import NodeStatus
from allmende.domain.scheduling.slurm_policies import Change, ChangeKind, account_key
from allmende.domain.scheduling.steering import ClusterLook, Level, QueuedJob
from allmende.services import agents, errands
from allmende.services.errands import Messenger
from allmende.services.usage_collecting import OtherCluster
from allmende.storage import agents as agent_store
from allmende.storage import errands as store
from allmende.wiring.agents import far_reach_of
from tests.agent.lines import OPERATOR, PARTITION, SITE, Line, far_reach
from tests.services.slurm_model import ModelCluster
from tests.services.usage_worlds import CLUSTER, NOW, Accounting, a_record

PLACE = Partition(
    id=PARTITION,
    name="Harz CPU",
    site_id=SITE,
    country="DE",
    status=PartitionStatus.SLURM,
    unit=TimeUnit.NODE_SECONDS,
    hardware="CPU",
    groups=(ShareGroup(id="sme", name="SMEs"), ShareGroup(id="science", name="Science")),
)
HARZ = Site(
    id=SITE,
    name="Harz",
    hosting_entity="H",
    country="DE",
    agent=True,
    slurm=SlurmCluster(cluster=CLUSTER, work_folder="/work"),
    partitions=(PLACE,),
)


class Down(Refusal):
    """The controller does not answer."""

    status = 503


class AtSite:
    """Implements `Reach`, `ClusterNodes` and `Wheel` at once; everything is done at once."""

    site = HARZ

    def __init__(self) -> None:
        self.done: list[tuple] = []
        self.cluster = ModelCluster()
        self.usage = Accounting()
        self.is_down = False

    def nodes_of(self, partition):
        assert partition == PLACE
        return self

    wheel_of = nodes_of

    def accounting(self):
        return self.usage

    def policies(self):
        return self.cluster

    def list_nodes(self):
        if self.is_down:
            raise Down
        drained = {node for deed, node, *_ in self.done if deed == "drain"}
        return [
            NodeStatus(name=each, state="IDLE", is_drained=each in drained)
            for each in ("harz-1", "harz-2")
        ]

    def drain(self, node, *, reason):
        self.done.append(("drain", node, reason))

    def resume(self, node):
        self.done.append(("resume", node))

    def look(self):
        job = QueuedJob(account="pr-1", qos="sme", nodes=2, is_running=True)
        return ClusterLook(nodes_in_service=4, jobs=(job, job))

    def set_levels(self, levels):
        self.done.append(("levels", tuple(levels)))
        return tuple(level.group_id for level in levels)


@pytest.fixture
def there() -> AtSite:
    return AtSite()


@pytest.fixture
def line(db, tmp_path, there) -> Line:
    line = Line(None, tmp_path / "agent", reach=there)
    line.call()
    return line


@pytest.fixture
def reach(line) -> errands.FarReach:
    return far_reach(line, HARZ)


def test_nodes_are_listed_drained_and_resumed_from_afar(reach, there):
    nodes = reach.nodes_of(PLACE)
    assert nodes.list_nodes() == there.list_nodes()
    nodes.drain("harz-2", reason="A fan rattles.")
    assert [each.is_drained for each in nodes.list_nodes()] == [False, True]
    nodes.resume("harz-2")
    assert there.done == [("drain", "harz-2", "A fan rattles."), ("resume", "harz-2")]


def test_usage_is_read_from_afar_each_run_once(reach, there):
    ended = [a_record(number) for number in range(40)]
    there.usage.records = [*ended, a_record(99, minutes=None)]
    period = Period(starts_at=NOW - timedelta(days=12), ends_at=NOW + timedelta(hours=1))
    assert list(reach.accounting().read(period)) == there.usage.records
    assert len(there.usage.asked) == 4
    there.usage.is_behind = True
    assert not reach.accounting().is_up_to_date()


def test_runs_are_asked_for_by_number_from_afar(reach, there, monkeypatch):
    monkeypatch.setattr(errands, "JOBS_AT_ONCE", 2)
    there.usage.records = [a_record(number) for number in range(9)]
    found = list(reach.accounting().read_jobs([1, 2, 8]))
    assert found == [a_record(1), a_record(2), a_record(8)]
    assert there.usage.asked_jobs == [(1, 2), (8,)]


def test_usage_that_is_too_long_for_one_answer_comes_in_shorter_pieces(reach, there, monkeypatch):
    ended = [a_record(number, minutes=number) for number in range(40)]
    there.usage.records = [*ended, a_record(99, minutes=None)]
    whole = len(pack_value([usage_to_json(each) for each in there.usage.records]))
    monkeypatch.setattr(at_site.errands, "LARGEST_PACKED_BYTES", whole - 1)
    period = Period(starts_at=NOW - timedelta(hours=6), ends_at=NOW + timedelta(hours=1))
    found = list(reach.accounting().read(period))
    assert sorted(each.job_id for each in found) == [*range(40), 99]
    assert len(there.usage.asked) > 2
    monkeypatch.setattr(at_site.errands, "LARGEST_PACKED_BYTES", 9)
    with pytest.raises(AnswerTooLong):
        list(reach.accounting().read(period))


def test_usage_of_another_cluster_is_none(reach, there):
    there.usage.records = [replace(a_record(), cluster="of-others")]
    period = Period(starts_at=NOW - timedelta(hours=6), ends_at=NOW + timedelta(hours=1))
    with pytest.raises(OtherCluster):
        list(reach.accounting().read(period))


def test_policy_is_read_and_changed_from_afar(reach, there):
    far = reach.policies()
    change = Change(kind=ChangeKind.ADD, key=account_key("allmende"), before={}, after={})
    for _ in range(2):
        far.change(change)
    assert far.read().policy.keys() == there.cluster.policy.keys()
    assert there.cluster.changes == [change, change]
    with pytest.raises(SaidAtSite, match="does not name it as ours"):
        far.change(replace(change, key=account_key("physics"), after={"Parent": "root"}))


def test_a_cluster_is_looked_at_and_steered_from_afar(reach, there):
    wheel, levels = reach.wheel_of(PLACE), (Level(group_id="sme", may_stop=("science",)),)
    assert wheel.look() == there.look()
    assert wheel.set_levels(levels) == ("sme",)
    assert there.done == [("levels", levels)]
    with pytest.raises(SaidAtSite, match="QOS root"):
        wheel.set_levels([Level(group_id="root")])


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (ErrandKind.DRAIN_NODE, {"partition": PARTITION, "node": "harz-[1-2]", "reason": "x"}),
        (ErrandKind.DRAIN_NODE, {"partition": PARTITION, "node": "harz-1", "reason": "x" * 201}),
        (ErrandKind.DRAIN_NODE, {"partition": "heide-cpu", "node": "harz-1", "reason": "x"}),
        (ErrandKind.RESUME_NODE, {"partition": PARTITION, "node": "ALL"}),
        (ErrandKind.RESUME_NODE, {"partition": PARTITION}),
        (ErrandKind.CHANGE_POLICY, {"change": {}}),
        (ErrandKind.SET_LEVELS, {"partition": PARTITION, "levels": 1}),
    ],
)
def test_a_site_does_nothing_that_its_own_configuration_does_not_allow(reach, there, kind, body):
    with pytest.raises(SaidAtSite):
        reach.messenger.ask(kind, **body)
    assert there.done == there.cluster.changes == []


def test_trouble_at_the_site_is_told_as_trouble(reach, there):
    there.is_down = True
    with pytest.raises(TroubleAtSite, match="does not answer"):
        reach.nodes_of(PLACE).list_nodes()


def test_without_a_cluster_in_its_own_configuration_the_agent_says_so(reach, line):
    line.reach = None
    line.restart()
    with pytest.raises(SaidAtSite, match="no Slurm cluster"):
        reach.nodes_of(PLACE).list_nodes()


def test_what_is_too_long_to_pass_on_stops_no_call(reach, line, monkeypatch):
    monkeypatch.setattr(at_site.errands, "LARGEST_PACKED_BYTES", 9)
    with pytest.raises(SaidAtSite, match="too long"):
        reach.nodes_of(PLACE).list_nodes()
    line.pump()


def test_answers_that_are_lost_are_told_again_and_the_deed_is_not_done_again(line, there):
    calls = []

    def lose_one(_seconds):
        calls.append(1)
        if len(calls) == 1:
            line.call()
            line.agent.tend()
            line.ask()
        else:
            line.pump()

    # The first report of the answer arrives, and the agent never learns that it did.
    far = replace(far_reach(line, HARZ).messenger, pause=lose_one)
    far.ask(ErrandKind.RESUME_NODE, partition=PARTITION, node="harz-1")
    line.pump()
    assert there.done == [("resume", "harz-1")]


def test_an_agent_that_is_killed_after_the_deed_does_it_again_to_the_same_end(line, there):
    calls = []

    def kill_once(_seconds):
        calls.append(1)
        if len(calls) == 1:
            line.call()
            line.agent.tend()
            line.restart()
        line.pump()

    far = replace(far_reach(line, HARZ).messenger, pause=kill_once)
    far.ask(ErrandKind.DRAIN_NODE, partition=PARTITION, node="harz-1", reason="x")
    assert there.done == [("drain", "harz-1", "x")] * 2


class Clock:
    """A clock that goes on by ten seconds whenever somebody waits."""

    def __init__(self, meanwhile=lambda: None) -> None:
        self.at = wiring.now()
        self.meanwhile = meanwhile

    def pause(self, _seconds):
        self.at += timedelta(seconds=10)
        self.meanwhile()

    def messenger(self) -> Messenger:
        return Messenger(site_id=SITE, now=lambda: self.at, new_id=wiring.new_id, pause=self.pause)


def test_what_a_silent_agent_was_not_told_never_happens(line, there):
    clock = Clock()
    with pytest.raises(errands.SiteIsCutOff, match="has not called in since 20"):
        clock.messenger().ask(ErrandKind.DRAIN_NODE, partition=PARTITION, node="harz-1", reason="x")
    line.pump()
    assert there.done == []
    clock.at += timedelta(minutes=3)
    with pytest.raises(errands.SiteIsCutOff):
        clock.messenger().ask(ErrandKind.LOOK, partition=PARTITION)
    assert store.ErrandRow.objects.count() == 0


def test_what_an_agent_took_and_did_not_answer_is_said_to_be_open(line, there):
    clock = Clock(meanwhile=line.call)
    with pytest.raises(errands.AnswerIsOpen):
        clock.messenger().ask(ErrandKind.RESUME_NODE, partition=PARTITION, node="harz-1")
    line.pump()  # its answer comes to nobody
    assert there.done == [("resume", "harz-1")]


def test_whose_asker_was_killed_is_forgotten_and_not_run_late(line, there):
    def die():
        raise KeyboardInterrupt

    clock = Clock(meanwhile=die)
    with pytest.raises(KeyboardInterrupt):
        clock.messenger().ask(ErrandKind.RESUME_NODE, partition=PARTITION, node="harz-1")
    assert store.ErrandRow.objects.count() == 0
    # Killed for good, nobody takes it away.
    facts = {
        "id": "er-1",
        "kind": "resume_node",
        "body": {"partition": PARTITION, "node": "harz-1"},
    }
    store.ErrandRow.objects.create(site_id=SITE, expires_at=wiring.now(), **facts)
    line.pump()
    assert there.done == []
    clock = Clock()
    clock.at += timedelta(minutes=11)
    agent = agent_store.get_agent(line.enrolled.id)
    agent_store.save_agent(replace(agent, last_contact_at=clock.at))
    with pytest.raises(errands.SiteIsCutOff):
        clock.messenger().ask(ErrandKind.LOOK, partition=PARTITION)
    assert store.ErrandRow.objects.count() == 0


def test_without_an_agent_or_with_an_old_one_nothing_is_asked(line):
    agent = agent_store.get_agent(line.enrolled.id)
    agent_store.save_agent(replace(agent, protocol=1))
    far = far_reach_of(HARZ).nodes_of(PLACE)
    with pytest.raises(errands.AgentTakesNoErrands):
        far.list_nodes()
    agents.revoke_agent(wiring.deed_of(OPERATOR), agent.id)
    with pytest.raises(errands.NobodyAtSite, match="allmende agents enrol harz"):
        far.list_nodes()


def test_an_agent_answers_for_its_own_site_once_and_only_what_it_was_asked(line):
    for errand_id, site_id, is_handed_out in (
        ("er-own", SITE, True),
        ("er-new", SITE, False),
        ("er-other", "heide", True),
    ):
        store.ErrandRow.objects.create(
            id=errand_id,
            site_id=site_id,
            kind="look",
            body={},
            expires_at=wiring.now() + timedelta(minutes=1),
            is_handed_out=is_handed_out,
        )
    line.agent.errands._answers = {key: pack_value(1) for key in ("er-own", "er-new", "er-other")}
    line.ask()
    line.agent.errands._answers = {"er-own": pack_value(2)}
    line.ask()
    answers = dict(store.ErrandRow.objects.values_list("id", "answer"))
    assert answers == {"er-own": pack_value(1), "er-new": None, "er-other": None}


def test_more_than_fits_into_a_call_is_told_with_the_next(line):
    line.agent.errands._answers = {"a": "x" * 900_000, "b": "y" * 900_000}
    (told,) = line.agent.write_report()["answers"]
    assert told["id"] == "a"
    line.agent.errands.take([{"id": "b"}])
    (told,) = line.agent.write_report()["answers"]
    assert told["id"] == "b"
