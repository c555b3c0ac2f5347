"""What is asked of a far cluster, and answered, survives JSON; what is none of it is refused."""

import base64
import json
import zlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.basics.periods import Period
from allmende.domain.basics.refusals import NotFound
from allmende.domain.scheduling import errands
from allmende.domain.scheduling.errands import (
    AnswerTooLong,
    AnswerUnreadable,
    Errand,
    ErrandKind,
    SaidAtSite,
    TroubleAtSite,
    read_answer,
)
from allmende.domain.scheduling.nodes import NodeStatus
from allmende.domain.scheduling.slurm_policies import (
    Change,
    ChangeKind,
    ClusterState,
    ItemKey,
    ItemKind,
)
from allmende.domain.scheduling.steering import ClusterLook, Level, QueuedJob
from tests.domain.scheduling.test_exchanges import INSTANTS, TEXTS

COUNTS = st.integers(0, 10**6)
KEYS = st.builds(
    ItemKey, kind=st.sampled_from(ItemKind), name=TEXTS, account=TEXTS, partition=TEXTS
)
SETTINGS = st.dictionaries(TEXTS, TEXTS.filter(bool), max_size=3)
STATES = st.builds(
    ClusterState,
    policy=st.dictionaries(KEYS, SETTINGS, max_size=3),
    used_minutes=st.dictionaries(TEXTS, st.dictionaries(TEXTS, COUNTS, max_size=2), max_size=2),
    configuration=SETTINGS,
    longest_seconds=st.dictionaries(TEXTS, COUNTS, max_size=2),
    shared_user=TEXTS,
)
CHANGES = st.builds(
    Change, kind=st.sampled_from(ChangeKind), key=KEYS, before=SETTINGS, after=SETTINGS
)
NODES = st.lists(
    st.builds(
        NodeStatus,
        name=TEXTS,
        state=TEXTS,
        is_drained=st.booleans(),
        is_down=st.booleans(),
        is_busy=st.booleans(),
        reason=TEXTS,
        address=TEXTS,
    ),
    max_size=3,
)
JOBS = st.builds(
    QueuedJob,
    account=TEXTS,
    qos=TEXTS,
    nodes=COUNTS,
    is_running=st.booleans(),
    is_eligible=st.booleans(),
)
LEVELS = st.builds(
    Level,
    group_id=TEXTS,
    is_raised=st.booleans(),
    may_stop=st.lists(TEXTS, max_size=2).map(tuple),
    most_nodes=st.none() | COUNTS,
)


def travel(value):
    """Return a value as it comes out at the other end."""
    return errands.unpack(errands.pack_value(value))


@given(STATES, CHANGES, NODES, st.lists(LEVELS, max_size=3).map(tuple))
def test_everything_survives_the_way(state, change, nodes, levels):
    assert errands.state_from_json(travel(errands.state_to_json(state))) == state
    assert errands.change_from_json(travel(errands.change_to_json(change))) == change
    assert errands.nodes_from_json(travel(errands.nodes_to_json(nodes))) == nodes
    assert errands.levels_from_json(travel(errands.levels_to_json(levels))) == levels


@given(COUNTS, st.lists(JOBS, max_size=5))
def test_a_look_survives_with_as_many_jobs_of_each_kind(nodes, jobs):
    look = ClusterLook(nodes_in_service=nodes, jobs=tuple(jobs))
    found = errands.look_from_json(travel(errands.look_to_json(look)))
    assert found.nodes_in_service == nodes
    assert sorted(map(str, found.jobs)) == sorted(map(str, look.jobs))


def test_jobs_that_are_alike_take_no_room():
    job = QueuedJob(account="pr-1", qos="sme", nodes=1, is_running=False)
    look = ClusterLook(nodes_in_service=4, jobs=(job,) * 100_000)
    value = errands.look_to_json(look)
    assert len(json.dumps(value)) < 200
    assert errands.look_from_json(value) == look


def test_what_a_site_refuses_is_told_and_trouble_is_told_apart():
    with pytest.raises(SaidAtSite, match=r"At the site: There is no node n-1\.") as said:
        errands.unpack(errands.pack_refusal(NotFound(kind="node", id="n-1")))
    assert said.value.status == 409
    with pytest.raises(TroubleAtSite) as trouble:
        errands.unpack(errands.pack_refusal(TroubleAtSite(sentence="It is down.")))
    assert trouble.value.status == 503


def test_what_is_too_long_is_told_apart_so_that_less_can_be_asked():
    with pytest.raises(AnswerTooLong):
        errands.unpack(errands.pack_refusal(AnswerTooLong()))


@given(INSTANTS, st.integers(0, 10**6))
def test_a_period_survives(starts_at, seconds):
    period = Period(starts_at=starts_at, ends_at=starts_at + timedelta(seconds=seconds))
    assert errands.period_from_json(travel(errands.period_to_json(period))) == period


def packed(value) -> str:
    return base64.b64encode(zlib.compress(json.dumps(value).encode())).decode()


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "no base64!",
        base64.b64encode(b"not compressed").decode(),
        packed([1])[:-8],
        packed(1),
        packed({}),
        packed({"refusal": None, "status": 503}),
        packed({"refusal": {"template": "{x:999999}", "facts": {"x": 1}}, "status": 503}),
        packed({"refusal": {"template": "No.", "facts": {}}, "status": "503", "code": "No"}),
        packed({"refusal": {"template": "No.", "facts": {}}, "status": 503}),
        base64.b64encode(zlib.compress(b" " * (errands.LARGEST_UNPACKED_BYTES + 2))).decode(),
    ],
)
def test_an_answer_that_is_none_is_refused(answer):
    with pytest.raises(AnswerUnreadable):
        errands.unpack(answer)


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (errands.period_from_json, ["2026-11-26T12:00:00+00:00", None]),
        (errands.period_from_json, ["2026-11-26T12:00:00+00:00", "2026-11-25T12:00:00+00:00"]),
        (errands.usages_from_json, [1]),
        (errands.nodes_from_json, [{"name": 1}]),
        (errands.nodes_from_json, None),
        (errands.state_from_json, {"policy": [[["team", "a", "", ""], {}]]}),
        (errands.look_from_json, {"nodes_in_service": -1, "jobs": []}),
        (errands.look_from_json, {"nodes_in_service": 1, "jobs": [[{}, 1]]}),
        (
            errands.look_from_json,
            {
                "nodes_in_service": 1,
                "jobs": [
                    [
                        {
                            "account": "",
                            "qos": "",
                            "nodes": 1,
                            "is_running": True,
                            "is_eligible": True,
                        },
                        errands.MOST_JOBS + 1,
                    ]
                ],
            },
        ),
        (errands.names_from_json, ["a\0b"]),
    ],
)
def test_a_value_of_another_shape_is_refused(read, value):
    with pytest.raises(AnswerUnreadable):
        read_answer(read, value)


def test_an_errand_survives_and_one_of_another_kind_is_none():
    errand = {"id": "er-1", "kind": "look", "body": {"partition": "p"}}
    assert errands.errand_from_json(errand) == Errand(
        id="er-1", kind=ErrandKind.LOOK, body={"partition": "p"}
    )
    with pytest.raises(ValueError, match="dance"):
        errands.errand_from_json(errand | {"kind": "dance"})
    assert read_answer(errands.names_from_json, ["a"]) == ("a",)
