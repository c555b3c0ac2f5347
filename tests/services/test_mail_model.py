"""Whatever is done, crashes or is tried again, each event is mailed, and recorded once."""

import contextlib
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import product
from random import Random

import pytest
from django.db import transaction

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
from tests.trials import IS_LONG

EVENTS = list(
    product(
        [MessageKind.REVIEW_INVITED, MessageKind.REVIEW_ACCEPTED],
        ["app-1", "app-2"],
        ["", "again"],
    )
)
ENDINGS = ["sent", "refused", "refused", "dead before", "dead after"]
PAUSES = [timedelta(minutes=1), HANDLING, timedelta(hours=9), PATIENCE]
WALKS = 100 if IS_LONG else 15


class Killed(BaseException):
    """The process is gone: nothing after this is done, and nothing catches it."""


@one_transaction
def do(a_deed, event, recipient_id, *, fails):
    """Do a deed that announces an event, or fails after it."""
    kind, about, occasion = event
    mail.announce(a_deed, kind, about=about, to=[recipient_id], occasion=occasion, due_at=NOON)
    if fails:
        raise Killed


class Walk:
    """Deeds announce, daemons send and die, servers refuse, the office tries again: by dice."""

    def __init__(self, dice: Random) -> None:
        self.dice, self.now = dice, NOON
        self.office, self.reader = officer(), person("reader")
        self.events: set[tuple[MessageKind, str, str]] = set()
        self.delivered: Counter[str] = Counter()
        self.contents: dict[str, object] = {}
        self.reached: Counter[str] = Counter()

    def go(self, steps: int) -> "Counter[str]":
        """Go so many steps and come to an end; return how often what was reached."""
        deeds = [*[self.do_a_deed, self.wait] * 2, *[self.beat] * 4, self.try_again]
        for _ in range(steps):
            self.dice.choice(deeds)()
            self.each_event_is_recorded_once_and_what_is_marked_was_mailed()
        self.drain()
        return self.reached

    def act(self, actor=DAEMON):
        return deed(actor, now=self.now)

    def own(self):
        return mail.list_own_messages(self.reader, limit=100)

    def do_a_deed(self):
        event, fails = self.dice.choice(EVENTS), self.dice.random() < 0.4
        if event in self.events:
            self.reached["announced again"] += 1
        try:
            with transaction.atomic():
                do(self.act(), event, self.reader.id, fails=fails)
        except Killed:
            self.reached["taken back"] += event not in self.events
            return
        self.events.add(event)

    def beat(self):
        """Send some messages; a daemon that dies leaves the rest to the next one."""
        left = self.dice.choices(ENDINGS, k=self.dice.randrange(5))

        def send(parcel):
            ending = left.pop()
            self.reached[ending] += 1
            if ending == "refused":
                raise NotDelivered(problem="450 busy")
            if ending != "dead before":
                self.deliver(parcel)
            if ending.startswith("dead"):
                raise Killed

        with contextlib.suppress(Killed):
            mail.deliver(self.act, send=send, limit=len(left), rules=RULES)

    def deliver(self, parcel):
        self.delivered[parcel.message.id] += 1
        self.reached["mailed twice"] += self.delivered[parcel.message.id] == 2
        said = (parcel.message.subject, parcel.message.body, parcel.recipient.id)
        assert self.contents.setdefault(parcel.message.id, said) == said

    def wait(self):
        self.now += self.dice.choice(PAUSES)

    def try_again(self):
        for message in self.own():
            if message.state is MessageState.GIVEN_UP:
                self.reached["given up"] += 1
                mail.retry_message(self.act(self.office), message.id)

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
        for _ in range(2):
            self.now += HANDLING + timedelta(hours=9)
            self.try_again()
            mail.deliver(self.act, send=self.deliver, limit=1000, rules=RULES)
        assert {each.state for each in self.own()} <= {MessageState.SENT}
        assert all(self.delivered[each.id] for each in self.own())
        assert mail.take_next(self.act(), rules=RULES) is None


@pytest.mark.django_db
def test_each_event_is_mailed_at_least_once_and_recorded_once_and_each_end_is_reached():
    reached: Counter[str] = Counter()
    for seed in range(WALKS):
        with transaction.atomic():
            reached += Walk(Random(seed)).go(steps=50)
            transaction.set_rollback(True)
    assert reached.keys() >= {*ENDINGS, "announced again", "taken back", "mailed twice", "given up"}


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
