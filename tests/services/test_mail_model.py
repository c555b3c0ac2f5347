"""Whatever is done, crashes or is tried again, each event is mailed, and recorded once."""

import contextlib
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from allmende.domain.access.message_kinds import MessageKind
from allmende.domain.access.messages import (
    HANDLING,
    PATIENCE,
    MessageState,
)
from allmende.domain.basics.people import DAEMON
from allmende.services import mail
from allmende.services.deeds import one_transaction
from allmende.services.mail import NotDelivered
from allmende.storage import messages as store
from tests.services.access import NOON, RULES, deed, officer, person

EVENTS = st.tuples(
    st.sampled_from([MessageKind.REVIEW_INVITED, MessageKind.REVIEW_ACCEPTED]),
    st.sampled_from(["app-1", "app-2"]),
    st.sampled_from(["", "again"]),
)
ENDINGS = st.lists(st.sampled_from(["sent", "refused", "dead before", "dead after"]), max_size=4)


class Killed(BaseException):
    """The process is gone: nothing after this is done, and nothing catches it."""


@one_transaction
def do(a_deed, event, recipient_id, *, fails):
    """Do a deed that announces an event, or fails after it."""
    kind, about, occasion = event
    mail.announce(a_deed, kind, about=about, to=[recipient_id], occasion=occasion, due_at=NOON)
    if fails:
        raise Killed


class MailMachine(RuleBasedStateMachine):
    """Deeds announce, daemons send and die, servers refuse, the office tries again."""

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.now = NOON
        self.office, self.reader = officer(), person("reader")
        self.events: set[tuple[MessageKind, str, str]] = set()
        self.delivered: Counter[str] = Counter()
        self.contents: dict[str, object] = {}

    def teardown(self) -> None:
        try:
            self.drain()
        finally:
            transaction.set_rollback(True)
            self.savepoint.__exit__(None, None, None)

    def act(self, actor=DAEMON):
        return deed(actor, now=self.now)

    def own(self):
        return mail.list_own_messages(self.reader, limit=100)

    @rule(event=EVENTS, fails=st.booleans())
    def do_a_deed(self, event, fails):
        try:
            with transaction.atomic():
                do(self.act(), event, self.reader.id, fails=fails)
        except Killed:
            return
        self.events.add(event)

    @rule(endings=ENDINGS)
    def beat(self, endings):
        """Send some messages; a daemon that dies leaves the rest to the next one."""
        left = list(endings)

        def send(parcel):
            ending = left.pop()
            if ending == "refused":
                raise NotDelivered(problem="450 busy")
            if ending != "dead before":
                self.deliver(parcel)
            if ending.startswith("dead"):
                raise Killed

        with contextlib.suppress(Killed):
            mail.deliver(self.act, send=send, limit=len(endings), rules=RULES)

    def deliver(self, parcel):
        self.delivered[parcel.message.id] += 1
        said = (parcel.message.subject, parcel.message.body, parcel.recipient.id)
        assert self.contents.setdefault(parcel.message.id, said) == said

    @rule(pause=st.sampled_from([timedelta(minutes=1), HANDLING, timedelta(hours=9), PATIENCE]))
    def wait(self, pause):
        self.now += pause

    @rule()
    @precondition(lambda self: any(each.state is MessageState.GIVEN_UP for each in self.own()))
    def try_again(self):
        for message in self.own():
            if message.state is MessageState.GIVEN_UP:
                mail.retry_message(self.act(self.office), message.id)

    @invariant()
    def each_event_is_recorded_once_and_what_is_marked_was_mailed(self):
        found = self.own()
        assert len(found) == len(self.events)
        assert {(each.kind, each.about) for each in found} == {
            (kind, about) for kind, about, _ in self.events
        }
        for message in found:
            is_sent = message.state is MessageState.SENT
            assert not is_sent or self.delivered[message.id]

    def drain(self):
        """In the end servers answer again and somebody has looked after the queue: all is told."""
        self.try_again()
        for _ in range(2):
            self.now += HANDLING + timedelta(hours=9)
            for message in self.own():
                if message.state is MessageState.GIVEN_UP:
                    mail.retry_message(self.act(self.office), message.id)
            mail.deliver(self.act, send=self.deliver, limit=1000, rules=RULES)
        assert {each.state for each in self.own()} <= {MessageState.SENT}
        assert all(self.delivered[each.id] for each in self.own())
        assert mail.take_next(self.act(), rules=RULES) is None


@pytest.mark.django_db
def test_each_event_is_mailed_at_least_once_and_recorded_once():
    run_state_machine_as_test(
        MailMachine,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db
def test_a_message_is_nobody_elses_while_somebody_sends_it():
    reader = person("reader")
    event = (MessageKind.REVIEW_INVITED, "app-1", "")
    do(deed(DAEMON), event, reader.id, fails=False)
    parcel = mail.take_next(deed(DAEMON), rules=RULES)
    assert (
        mail.take_next(deed(DAEMON, now=NOON + HANDLING - timedelta(seconds=1)), rules=RULES)
        is None
    )
    again = mail.take_next(deed(DAEMON, now=NOON + HANDLING), rules=RULES)
    assert again.message.id == parcel.message.id
    assert store.lock_message(parcel.message.id) == replace(again.message, attempts=2)
