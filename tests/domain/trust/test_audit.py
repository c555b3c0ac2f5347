"""Whatever is done to a chain, `verify_chain` finds it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust import audit, canonical
from allmende.domain.trust.audit import AuditEvent, Entry, Head

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def a_chain(length: int) -> list[AuditEvent]:
    events: list[AuditEvent] = []
    head = Head()
    for index in range(length):
        entry = Entry(
            at=NOON + timedelta(seconds=index),
            actor_id=f"p-{index % 3}",
            action="job.submitted",
            subject=f"j-{index}",
            why=Sentence("number {n}", {"n": index}) if index % 2 else None,
            facts={"nodes": index, "list": [index, "x"]},
        )
        events.append(audit.append(head, entry))
        head = audit.head_after(events[-1])
    return events


CHAIN = a_chain(8)
HEAD = audit.head_after(CHAIN[-1])


def test_a_chain_as_written_has_no_findings():
    assert audit.verify_chain(CHAIN, head=HEAD) == []
    assert audit.verify_chain([], head=Head()) == []


def test_a_chain_cut_short_is_found_by_its_head_alone():
    assert audit.verify_chain(CHAIN[:-1]) == []
    (finding,) = audit.verify_chain(CHAIN[:-1], head=HEAD)
    assert str(finding.problem) == "the chain ends at event 7, but its head is event 8"


CHANGES = {
    "at": NOON - timedelta(days=1),
    "actor_id": "p-other",
    "action": "job.cancelled",
    "subject": "j-other",
    "why": Sentence("another reason"),
    "facts": {"nodes": 99},
}


@given(index=st.integers(0, 7), name=st.sampled_from(sorted(CHANGES)))
def test_a_changed_event_is_found(index, name):
    chain = list(CHAIN)
    chain[index] = replace(chain[index], **{name: CHANGES[name]})
    assert audit.verify_chain(chain) != []


@given(index=st.integers(0, 6), name=st.sampled_from(sorted(CHANGES)))
def test_a_changed_event_with_a_mended_hash_is_found_at_the_next(index, name):
    chain = list(CHAIN)
    changed = replace(chain[index], **{name: CHANGES[name]})
    chain[index] = replace(changed, hash=audit.hash_of(changed))
    assert [f.place for f in audit.verify_chain(chain)] == [f"event {index + 2}"]


@given(index=st.integers(0, 7))
def test_a_removed_event_is_found(index):
    chain = CHAIN[:index] + CHAIN[index + 1 :]
    assert audit.verify_chain(chain, head=HEAD) != []


@given(order=st.permutations(range(8)))
@settings(max_examples=50)
def test_a_reordered_chain_is_found(order):
    findings = audit.verify_chain([CHAIN[index] for index in order], head=HEAD)
    assert (findings == []) == (order == list(range(8)))


@given(index=st.integers(0, 8), source=st.integers(0, 7))
def test_an_inserted_event_is_found(index, source):
    assert audit.verify_chain([*CHAIN[:index], CHAIN[source], *CHAIN[index:]], head=HEAD) != []


def test_an_event_reads_back_from_its_line():
    import json

    for event in CHAIN:
        assert audit.parse_event(json.loads(canonical.render(event))) == event
