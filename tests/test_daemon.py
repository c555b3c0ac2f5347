"""The daemon outlives troubles of its machine, and nothing else."""

import os
import threading
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core import mail as outbox
from django.db import OperationalError
from structlog.testing import capture_logs

from allmende.daemon import Daemon
from allmende.domain.access.message_kinds import MessageKind
from allmende.domain.access.messages import (
    MessageState,
)
from allmende.domain.basics.people import DAEMON
from allmende.domain.scheduling.reservations import NodeReservation, ReservationKind
from allmende.services import mail
from allmende.services.mistakes import Mistake
from allmende.storage import reservations as reservation_store
from allmende.wiring import now
from allmende.wiring.documents import shelf
from tests.services.access import deed, person
from tests.services.slurm_model import FACTORY, SITE, World

pytestmark = pytest.mark.django_db(transaction=True)


class Stumbling(Daemon):
    """Meets a trouble at its first heartbeat, and stops at its second."""

    def __init__(self, trouble: Exception) -> None:
        super().__init__(heartbeat_seconds=0)
        self.troubles = [trouble]
        self.beats = 0

    def beat(self) -> None:
        self.beats += 1
        if self.troubles:
            raise self.troubles.pop()
        self.stop()


def test_a_busy_database_is_waited_for():
    daemon = Stumbling(OperationalError("database is locked"))
    daemon.run()
    assert daemon.beats == 2


def test_a_mistake_of_ours_ends_the_daemon_for_the_next_to_begin():
    with pytest.raises(KeyError):
        Stumbling(KeyError("a mistake")).run()


def test_two_daemons_of_one_name_are_still_two():
    assert Stumbling(KeyError()).holder != Stumbling(KeyError()).holder


@pytest.mark.django_db
def test_files_that_belong_to_no_document_are_swept_among_the_chores():
    stray = shelf().folder / "ab" / ("ab" * 32)
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"left by a crash")
    os.utime(stray, (0, 0))
    Daemon()._do_chores()
    assert not stray.exists()


def test_a_daemon_that_leads_sends_what_waits_beside_its_heartbeat(monkeypatch):
    monkeypatch.setattr("allmende.daemon.MAIL_SECONDS", 0.05)
    reader = person("reader")
    mail.announce(deed(DAEMON), MessageKind.REVIEW_CALLED_OFF, about="app-1", to=[reader.id])
    daemon = Mailing(heartbeat_seconds=0.05)
    daemon.run(until=lambda: daemon.has_sent.is_set() or daemon.beats > 2400)
    assert [each.to for each in outbox.outbox] == [[reader.email]]
    assert [each.state for each in mail.list_own_messages(reader)] == [MessageState.SENT]


class Mailing(Daemon):
    """Leads, does nothing else at a heartbeat, and says when it has sent and noted something."""

    beats = 0

    def __init__(self, **how: float) -> None:
        super().__init__(**how)
        self.has_sent = threading.Event()

    def mind_mail(self) -> None:
        super().mind_mail()
        if outbox.outbox:
            self.has_sent.set()

    def beat(self) -> None:
        self.leads = True
        self.beats += 1


def let_fail(monkeypatch, *parts: str) -> None:
    def fail(*_deed, **_places):
        raise OSError("a disk that does not answer")

    for part in parts:
        monkeypatch.setattr(f"allmende.daemon.{part}", fail)


@pytest.mark.django_db
def test_what_cannot_be_cleared_away_keeps_nothing_else_from_going(monkeypatch):
    let_fail(monkeypatch, "model_terms.delete_expired", "code_archives.remove_unneeded")
    monkeypatch.setattr("allmende.daemon.environments.remove_overdue", lambda *_, **__: 7)
    with capture_logs() as told:
        Daemon().clear_away()
    assert [each["event"] for each in told] == [
        "models past their day stay",
        "unneeded code stays",
        "environments of ended projects removed",
    ]
    assert [type(each.get("exc_info")) for each in told[:2]] == [OSError, OSError]


@pytest.mark.django_db
def test_a_chore_that_cannot_be_done_keeps_no_other_from_its_turn(monkeypatch):
    let_fail(monkeypatch, "projects.end_due_projects", "documents.remove_strays")
    broken = SimpleNamespace(promise_id="p1", verdict="broken")
    monkeypatch.setattr("allmende.daemon.promises.evaluate_promises", lambda *_, **__: [broken])
    with capture_logs() as told:
        Daemon()._do_chores()
    assert [each["event"] for each in told] == [
        "projects do not end",
        "stray files stay",
        "promises broken",
    ]


def test_what_is_left_out_is_told_when_it_is_news():
    daemon = Daemon()
    rounds = (["a disk"], ["a disk"], ["a disk", "a table"], [], ["a disk"])
    with capture_logs() as told:
        for number, problems in enumerate(rounds):
            left_out = [Mistake(job_id="j-1", error=OSError(each)) for each in problems]
            daemon._tell_left_out("booster", left_out)
            told.append({"round": number})
    errors = [str(each.get("exc_info", each.get("round"))) for each in told]
    assert errors == ["a disk", "0", "1", "a table", "2", "3", "a disk", "4"]


class Reservations(dict):
    """A cluster that keeps reservations, by name."""

    def read(self):
        return dict(self)

    def take(self, step):
        self[step.reservation.name] = step.reservation


@pytest.mark.django_db
def test_a_daemon_lets_a_cluster_keep_what_is_reserved_here(monkeypatch):
    World()
    site = FACTORY.get_site(SITE)
    partition = site.partitions[0]
    begins = now() + timedelta(days=1)
    reservation_store.save_reservation(
        NodeReservation(
            id="rv-fans",
            partition_id=partition.id,
            kind=ReservationKind.MAINTENANCE,
            nodes=1,
            starts_at=begins,
            ends_at=begins + timedelta(hours=1),
            reason="New fans.",
            announced_at=now(),
            announced_by="p-1",
        )
    )
    cluster = Reservations()
    monkeypatch.setattr("allmende.daemon.reservations_of", lambda _site: cluster)
    Daemon()._keep_reservations(site)
    assert list(cluster) == ["rv-fans"]


@pytest.mark.django_db
@pytest.mark.parametrize("keeps", [True, False])
def test_a_daemon_tells_a_cluster_what_was_decided_here_if_it_shall(monkeypatch, keeps):
    world = World()
    world.apply()
    world.top_up()
    site = FACTORY.get_site(SITE)
    keeping = replace(site, slurm=replace(site.slurm, keep_applied=keeps))
    daemon = Daemon()
    daemon.workshop = replace(daemon.workshop, factory=replace(FACTORY, sites=(keeping,)))
    monkeypatch.setattr("allmende.daemon.policy_keeper_of", world.keeper_of)
    before = len(world.cluster.changes)
    daemon._keep_policy(keeping)
    assert (len(world.cluster.changes) > before) is keeps
