"""What centre and agent tell each other survives JSON, and what is none of it is refused."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.usage_records import UsageRecord
from allmende.domain.scheduling import exchanges
from allmende.domain.scheduling.backends import (
    AttemptState,
    Container,
    EndReason,
    Launch,
    Observation,
)
from allmende.domain.scheduling.exchanges import FileFacts, FileKind, FileName, Order

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
LAUNCH = Launch(
    key="j-1.1",
    job_id="j-1",
    attempt=1,
    nodes=("a", "b"),
    command=("sh", "-c", "true"),
    environment={"SEED": "1"},
    workdir="",
    time_limit_seconds=60,
    grace_seconds=5,
    memory_bytes_per_node=2**30,
)
INSTANTS = st.integers(0, 10**9).map(lambda seconds: NOON + timedelta(seconds=seconds))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)
SENTENCES = st.none() | st.builds(
    Sentence,
    st.sampled_from(["It ended.", "Exit code {code}: {why}"]),
    st.fixed_dictionaries({"code": st.integers(), "why": st.just(Sentence("No."))}),
)
OBSERVATIONS = st.builds(
    Observation,
    key=TEXTS,
    state=st.sampled_from(AttemptState),
    started_at=st.none() | INSTANTS,
    ended_at=st.none() | INSTANTS,
    reason=st.none() | st.sampled_from(EndReason),
    exit_code=st.none() | st.integers(-64, 255),
    sentence=SENTENCES,
    cpu_seconds=st.floats(0, 1e9),
    max_memory_bytes=st.integers(0, 2**50),
    nodes=st.lists(TEXTS, max_size=3).map(tuple),
    wait=SENTENCES,
    allocated_seconds=st.none() | st.integers(0, 2**40),
    record_key=TEXTS,
)


@given(OBSERVATIONS)
def test_an_observation_survives_json(seen):
    text = json.dumps(exchanges.observation_to_json(seen))
    assert exchanges.observation_from_json(json.loads(text)) == seen


@pytest.mark.parametrize("stop", [None, EndReason.CANCELLED])
def test_an_order_survives_json_and_what_a_newer_centre_says_besides(stop):
    order = Order(key="j-1.1", revision=4, partition_id="p", launch=LAUNCH, stop_reason=stop)
    value = json.loads(json.dumps(exchanges.order_to_json(order)))
    value["launch"]["of_the_future"] = 1
    assert exchanges.order_from_json(value) == order


@pytest.mark.parametrize(
    "changes",
    [
        {"key": 1},
        {"key": "a\0b"},
        {"key": "\ud800"},
        {"state": "asleep"},
        {"started_at": "2026-11-26T12:00:00"},
        {"ended_at": "noon"},
        {"exit_code": True},
        {"exit_code": 2**60},
        {"cpu_seconds": float("nan")},
        {"cpu_seconds": float("inf")},
        {"cpu_seconds": -1},
        {"cpu_seconds": "1"},
        {"max_memory_bytes": 1.5},
        {"nodes": [1]},
        {"sentence": "It ended."},
        {"sentence": {"template": "{x:999999999}", "facts": {"x": 1}}},
        {"sentence": {"template": "{x.__class__}", "facts": {"x": 1}}},
        {"sentence": {"template": "{x!r}", "facts": {"x": 1}}},
        {"sentence": {"template": "{missing}", "facts": {}}},
        {"sentence": {"template": "a" * 5000, "facts": {}}},
        {"wait": {"template": "{x}", "facts": {"x": {"template": "{y:99}", "facts": {"y": 1}}}}},
    ],
)
def test_an_observation_that_cannot_be_is_refused(changes):
    value = exchanges.observation_to_json(Observation(key="j-1.1", state=AttemptState.RUNNING))
    with pytest.raises(exchanges.MisshapenReport):
        exchanges.observation_from_json(value | changes)


def test_facts_of_files_are_read_or_refused():
    value = {"kind": "log", "owner": "j-1.1", "name": ""}
    file = FileName(kind=FileKind.LOG, owner="j-1.1")
    facts = {"file": value, "size_bytes": 3, "sha256": "0" * 64}
    assert exchanges.file_facts_from_json(facts) == FileFacts(
        file=file, size_bytes=3, sha256="0" * 64
    )
    for wrong in ({"size_bytes": -1}, {"sha256": "0"}, {"size_bytes": "3"}):
        with pytest.raises(exchanges.MisshapenReport):
            exchanges.file_facts_from_json(facts | wrong)
    for wrong in ({"kind": "secret"}, {"owner": 1}, {"name": "x" * 10_000}):
        with pytest.raises(exchanges.MisshapenReport):
            exchanges.file_name_from_json(value | wrong)


SKEWS = st.integers(-3600, 3600).map(lambda seconds: timedelta(seconds=seconds))
SPANS = st.integers(0, 7200).map(lambda seconds: timedelta(seconds=seconds))


@given(SKEWS, SPANS, SPANS, SPANS)
def test_a_wrong_clock_moves_an_attempt_but_never_makes_it_longer(skew, waited, took, since):
    ordered_at = NOON
    began = ordered_at + waited
    now = began + took + since
    seen = Observation(
        key="k",
        state=AttemptState.ENDED,
        started_at=began + skew,
        ended_at=began + took + skew,
    )
    placed = exchanges.place_in_time(seen, ordered_at=ordered_at, now=now)
    assert ordered_at <= placed.started_at <= placed.ended_at <= now
    assert placed.ended_at - placed.started_at == took
    if not skew:
        assert placed == seen


@given(SKEWS, SPANS)
def test_what_runs_began_between_its_order_and_its_report(skew, since):
    seen = Observation(key="k", state=AttemptState.RUNNING, started_at=NOON + skew)
    placed = exchanges.place_in_time(seen, ordered_at=NOON, now=NOON + since)
    assert NOON <= placed.started_at <= NOON + since


def test_a_clock_that_was_set_during_an_attempt_makes_it_no_longer_than_it_can_have_been():
    seen = Observation(
        key="k",
        state=AttemptState.ENDED,
        started_at=NOON,
        ended_at=NOON + timedelta(hours=5),
    )
    now = NOON + timedelta(minutes=3)
    placed = exchanges.place_in_time(seen, ordered_at=NOON, now=now)
    assert (placed.started_at, placed.ended_at) == (NOON, now)
    unstarted = replace(seen, started_at=None)
    assert exchanges.place_in_time(unstarted, ordered_at=NOON, now=now).ended_at == now
    waits = Observation(key="k", state=AttemptState.QUEUED)
    assert exchanges.place_in_time(waits, ordered_at=NOON, now=now) == waits


def test_only_whole_words_of_a_command_get_the_places_of_a_machine():
    places = {"allmende-python:tab": "/env/bin/python", "allmende-blueprint:tab": "/b/tab"}
    command = (
        "allmende-python:tab",
        "allmende-blueprint:tab/train.py",
        "allmende-blueprint:table/x",
        "--note=allmende-python:tab",
    )
    launch = replace(LAUNCH, command=command)
    assert exchanges.localise(launch, places).command == (
        "/env/bin/python",
        "/b/tab/train.py",
        "allmende-blueprint:table/x",
        "--note=allmende-python:tab",
    )


def test_only_variables_of_the_platform_get_the_folders_of_data_sets():
    told = {"ALLMENDE_DATA": "allmende-data:roads@1", "MINE": "allmende-data:roads@1"}
    launch = replace(LAUNCH, environment=told | {"ALLMENDE_DATA_B": "/plain"})
    assert exchanges.list_data_marks(launch) == {"allmende-data:roads@1": "roads@1"}
    there = exchanges.localise(launch, {"allmende-data:roads@1": "/srv/roads"})
    assert there.environment == {
        "ALLMENDE_DATA": "/srv/roads",
        "MINE": "allmende-data:roads@1",
        "ALLMENDE_DATA_B": "/plain",
    }


def test_a_container_survives_json_and_shows_the_folders_of_the_machine():
    container = Container(image="a", mounts={"/data": "allmende-data:roads@1", "/own": "/own"})
    order = Order(
        key="j-1.1", revision=1, partition_id="p", launch=replace(LAUNCH, container=container)
    )
    told = json.loads(exchanges.write_json(exchanges.order_to_json(order)))
    assert exchanges.order_from_json(told) == order
    assert exchanges.list_data_marks(order.launch) == {"allmende-data:roads@1": "roads@1"}
    there = exchanges.localise(order.launch, {"allmende-data:roads@1": "/srv/roads"})
    assert there.container.mounts == {"/data": "/srv/roads", "/own": "/own"}


@given(st.recursive(TEXTS | st.integers() | st.none(), lambda part: st.lists(part)))
def test_writing_json_changes_no_plain_text(value):
    assert json.loads(exchanges.write_json(value)) == value


def test_what_is_no_text_becomes_a_question_mark():
    value = {"a\udc80": ["b\0", "\\u0000"], "n": (1,)}
    text = exchanges.write_json(value)
    assert json.loads(text) == {"a?": ["b?", "\\u0000"], "n": [1]}
    text.encode()


USAGES = st.builds(
    UsageRecord,
    cluster=TEXTS,
    job_id=st.integers(0, 2**31),
    submitted_at=INSTANTS,
    restarts=st.integers(0, 9),
    user_name=TEXTS,
    account=TEXTS,
    partition=TEXTS,
    qos=TEXTS,
    job_name=TEXTS,
    state=TEXTS,
    exit_code=st.none() | st.integers(-64, 255),
    started_at=st.none() | INSTANTS,
    ended_at=st.none() | INSTANTS,
    suspended_seconds=st.integers(0, 10**6),
    nodes=st.lists(TEXTS, max_size=3).map(tuple),
    allocated_nodes=st.integers(0, 10**5),
    allocated_cores=st.integers(0, 10**7),
    allocated_gpus=st.integers(0, 10**6),
    comment=TEXTS,
)


@given(USAGES)
def test_a_usage_record_survives_json(record):
    text = exchanges.write_json(exchanges.usage_to_json(record))
    assert exchanges.usage_from_json(json.loads(text)) == record


@pytest.mark.parametrize(
    "changes",
    [
        {"job_id": "1"},
        {"submitted_at": None},
        {"started_at": "yesterday"},
        {"allocated_gpus": -1},
        {"nodes": [1]},
        {"account": None},
    ],
)
def test_a_usage_record_that_cannot_be_is_refused(changes):
    record = UsageRecord(
        cluster="c",
        job_id=1,
        submitted_at=NOON,
        user_name="u",
        account="a",
        partition="p",
        state="s",
    )
    value = exchanges.usage_to_json(record)
    assert exchanges.usage_from_json(value) == record
    for wrong in (value | changes, {"cluster": "c"}):
        with pytest.raises(exchanges.MisshapenReport):
            exchanges.usage_from_json(wrong)
