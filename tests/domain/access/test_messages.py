"""The table of messages, and how often one is tried."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.access import messages
from allmende.domain.access.message_kinds import WORDINGS, MessageKind
from allmende.domain.access.messages import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    PATIENCE,
    MessageIsDone,
    MessageState,
    id_of,
    write_message,
)
from tests.services.access import NOON

FACTS = {
    "title": "Early signs",
    "submitted_at": NOON,
    "cut_off_at": NOON,
    "due_at": NOON,
    "ends_at": NOON,
    "report_due_at": NOON,
    "appeal_ends_at": NOON,
    "reason": "No time left.",
    "answer": "So it is.",
    "hours": "4 GPU-h",
    "left": "2.5 GPU-h",
    "organisation": "Herzschlag GmbH",
    "heir": "Lunge SE",
    "on": "2026-11-01",
}
TO_REVIEWERS = [kind for kind in MessageKind if kind.value.startswith("review_")]
TO_OFFICE = [
    MessageKind.ELIGIBILITY_OPEN,
    MessageKind.APPEAL_FILED,
    MessageKind.CHANGE_ASKED,
    MessageKind.MAIL_GIVEN_UP,
]


def a_message(**changes):
    written = write_message(
        MessageKind.APPLICATION_AWARDED, about="app-1", recipient_id="p-1", now=NOON, facts=FACTS
    )
    return replace(written, **changes)


@pytest.mark.parametrize("kind", MessageKind)
def test_every_kind_has_words_and_a_page(kind):
    message = write_message(kind, about="app-1", recipient_id="p-1", now=NOON, facts=FACTS)
    texts = [each.english() for each in (message.subject, *message.body)]
    assert all(texts)
    assert not any("{" in text for text in texts)
    assert message.path.startswith("/")


@pytest.mark.parametrize("kind", [*TO_REVIEWERS, *TO_OFFICE])
def test_what_goes_to_reviewers_and_office_has_no_place_for_a_title_or_a_name(kind):
    wording = WORDINGS[kind]
    message = write_message(kind, about="app-1", recipient_id="p-1", now=NOON, facts=FACTS)
    facts = {name for each in (message.subject, *message.body) for name in each.facts}
    assert facts <= {"about", "due_at"}, wording


def test_a_paragraph_is_left_out_where_its_fact_is_not_known():
    known = write_message(
        MessageKind.PROJECT_ENDS_SOON, about="prj-1", recipient_id="p-1", now=NOON, facts=FACTS
    )
    unknown = write_message(
        MessageKind.PROJECT_ENDS_SOON,
        about="prj-1",
        recipient_id="p-1",
        now=NOON,
        facts={**FACTS, "left": None},
    )
    assert "2.5 GPU-h are not used yet." in [each.english() for each in known.body]
    assert unknown.body == known.body[:1]


@given(st.lists(st.tuples(*[st.sampled_from(["a", "b", "a\nb", ""])] * 3), unique=True))
def test_one_event_has_one_id_and_another_event_another(events):
    ids = {
        id_of(MessageKind.REPORT_DUE, about=about, recipient_id=who, occasion=occasion)
        for about, who, occasion in events
    }
    assert len(ids) == len(events)


@given(st.integers(0, 200))
def test_the_pauses_double_up_to_a_limit_and_differ_from_message_to_message(attempts):
    pauses = {
        messages.pause_after(a_message(attempts=attempts, id=f"msg-{number}"))
        for number in range(20)
    }
    assert len(pauses) > 1
    shortest = min(FIRST_PAUSE * 2 ** max(min(attempts, 40) - 1, 0), LONGEST_PAUSE)
    assert all(shortest <= each <= shortest * 1.5 for each in pauses)


def test_a_message_is_tried_until_its_time_is_over():
    taken = messages.take(a_message(), now=NOON)
    assert (taken.attempts, taken.next_try_at) == (1, NOON + messages.HANDLING)
    failed = messages.mark_failed(taken, error="450\r\nbusy", now=NOON)
    assert failed.state is MessageState.QUEUED
    assert failed.error == "450 busy"
    before, after = NOON + PATIENCE - timedelta(seconds=1), NOON + PATIENCE
    assert messages.mark_failed(taken, error="", now=before).state is MessageState.QUEUED
    assert messages.mark_failed(taken, error="", now=after).state is MessageState.GIVEN_UP


def test_what_was_never_tried_is_not_lost_however_long_the_daemon_was_away():
    later = NOON + PATIENCE * 10
    assert not messages.is_lost(a_message(), now=later)
    assert messages.is_lost(a_message(attempts=1), now=later)


def test_what_somebody_sent_stays_sent():
    sent = messages.mark_sent(a_message(error="once"), now=NOON)
    assert (sent.state, sent.sent_at, sent.error) == (MessageState.SENT, NOON, "")
    assert messages.mark_sent(sent, now=NOON + PATIENCE) == sent
    assert messages.mark_failed(sent, error="late", now=NOON + PATIENCE) == sent


def test_what_was_given_up_can_be_tried_anew_and_what_was_sent_cannot():
    lost = messages.give_up(a_message(attempts=9))
    tried = messages.retry(lost, now=NOON + PATIENCE)
    assert (tried.state, tried.attempts) == (MessageState.QUEUED, 0)
    assert tried.give_up_at == NOON + PATIENCE * 2
    assert messages.retry(tried, now=NOON + PATIENCE) == tried
    for done in (messages.mark_sent(lost, now=NOON), messages.lapse(lost)):
        with pytest.raises(MessageIsDone):
            messages.retry(done, now=NOON)
