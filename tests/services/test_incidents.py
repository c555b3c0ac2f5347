"""The incident log: who writes it, who reads what, and what the records say it cost."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from allmende import wiring
from allmende.domain.basics.people import PUBLIC
from allmende.domain.basics.periods import TimeWithoutZone
from allmende.domain.basics.refusals import InvalidInput, NotFound, NotPermitted
from allmende.domain.trust import incidents as rules
from allmende.domain.trust.agents import Agent
from allmende.domain.trust.incidents import Impact, Incident, Report
from allmende.services import audit, incidents
from allmende.storage import agents as agent_store
from allmende.storage import immutability
from allmende.storage.incidents import IncidentEntryRow
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db
SITE = "werkstatt"


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


def a_report(**of) -> Report:
    return Report(
        **{
            "site_id": SITE,
            "partition_id": PARTITION,
            "impact": Impact.DEGRADED,
            "began_at": wiring.now() - timedelta(minutes=5),
            "words": "Two nodes are out.",
            **of,
        }
    )


def note(factory: Running, report: Report, *, key: str = "operator") -> Incident:
    return incidents.report_incident(factory.act(key), report, factory=factory.workshop.factory)


def amend(factory: Running, incident: Incident, **changes) -> Incident:
    report = replace(incident.now, **changes)
    return incidents.amend_incident(
        factory.act("operator"), incident.id, report, factory=factory.workshop.factory
    )


def view(factory: Running, incident: Incident, reader=PUBLIC):
    return incidents.get_incident(reader, incident.id, factory=factory.workshop.factory)


def lose_a_node(factory: Running, key: str) -> tuple[str, datetime]:
    """Let the node of a job die; return the attempt and when it was settled."""
    (job,) = factory.submit("founder", client_key=key, run="sleep 30")
    factory.beat_until_alive(f"{job.id}.1")  # so that there are seconds to refund
    assert factory.backend.fail_node(f"{job.id}.1")
    factory.beat_until(lambda: factory.attempts(job.id)[0].is_settled)
    return f"{job.id}.1", wiring.now()


def test_what_it_cost_is_counted_from_the_attempts_whose_node_died(factory: Running):
    before, _ = lose_a_node(factory, "before")
    began_at = wiring.now()
    (good,) = factory.submit("founder", client_key="good", run="true")
    lost, settled_at = lose_a_node(factory, "lost")
    factory.run_to_end(good.id)
    incident = note(factory, a_report(began_at=began_at))
    seen = view(factory, incident, factory.person("operator"))
    (attempt,) = seen.lost
    assert attempt.key == lost
    assert seen.refunded_seconds == attempt.refunded_seconds > 0
    told = view(factory, incident)
    assert (told.lost_attempts, told.refunded_seconds, told.lost) == (1, seen.refunded_seconds, ())
    over = amend(factory, incident, ended_at=settled_at)
    lose_a_node(factory, "after")
    assert view(factory, over).lost_attempts == 1
    whole = note(factory, a_report(began_at=began_at, partition_id="", words="All of it."))
    assert view(factory, whole).lost_attempts == 2
    elsewhere = note(factory, a_report(site_id="juelich", partition_id="", began_at=began_at))
    assert view(factory, elsewhere).lost_attempts == 0
    assert before not in {each.key for each in seen.lost}


def test_every_edit_is_a_further_entry_and_nothing_is_said_twice(factory: Running):
    first = note(factory, a_report(note="Filter 2b."))
    assert note(factory, replace(first.now, began_at=wiring.now())).id == first.id
    second = amend(factory, first, words="  All nodes are\nback. ", ended_at=wiring.now(), note="")
    assert amend(factory, second).entries == second.entries
    assert [entry.report.words for entry in second.entries] == [
        "Two nodes are out.",
        "All nodes are back.",
    ]
    assert not second.is_open
    assert note(factory, replace(first.now, began_at=wiring.now())).id != first.id  # it came back
    actions = [
        event.action
        for event in audit.list_events(factory.person("auditor"), limit=10_000)
        if event.subject == first.id
    ]
    assert actions == ["incident.reported", "incident.amended"]


def test_the_database_itself_refuses_to_change_what_was_said(factory: Running):
    immutability.install_triggers()
    first = note(factory, a_report())
    for change in ("update", "delete"):
        rows = IncidentEntryRow.objects.filter(incident_id=first.id)
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(words="Nothing happened.") if change == "update" else rows.delete()
    assert view(factory, first).incident.now.words == "Two nodes are out."


def test_notes_and_names_are_for_the_staff(factory: Running):
    incident = note(factory, a_report(note="Filter 2b."))
    for reader in (PUBLIC, factory.person("founder")):
        (entry,) = view(factory, incident, reader).incident.entries
        assert (entry.report.note, entry.by) == ("", "")
    (entry,) = view(factory, incident, factory.person("auditor")).incident.entries
    assert (entry.report.note, entry.by) == ("Filter 2b.", factory.person("operator").id)


@pytest.mark.parametrize(
    ("of", "refusal"),
    [
        ({"began_at": wiring.now() + timedelta(days=1)}, rules.IncidentHasNotBegun),
        ({"began_at": datetime(2026, 1, 1)}, TimeWithoutZone),  # noqa: DTZ001
        ({"ended_at": wiring.now() - timedelta(days=1)}, rules.IncidentEndsBeforeItBegan),
        ({"ended_at": wiring.now() + timedelta(days=1)}, rules.IncidentEndsLater),
        ({"site_id": "juelich"}, rules.PartitionElsewhere),
        ({"site_id": "atlantis"}, NotFound),
        ({"partition_id": "p9"}, NotFound),
        ({"words": " "}, InvalidInput),
        ({"words": "x" * 301}, InvalidInput),
        ({"note": "\u202e"}, InvalidInput),
    ],
)
def test_what_cannot_be_is_refused(factory: Running, of, refusal):
    with pytest.raises(refusal):
        note(factory, a_report(**of))
    assert incidents.list_incidents(PUBLIC, factory=factory.workshop.factory) == []


def test_only_operators_report(factory: Running):
    for key in ("officer", "founder", "auditor"):
        with pytest.raises(NotPermitted):
            note(factory, a_report(), key=key)


def test_where_nodes_died_untold_operators_are_asked(factory: Running):
    def suggested() -> list[tuple[str, int]]:
        found = incidents.list_suggestions(
            factory.person("operator"), factory=factory.workshop.factory, now=wiring.now()
        )
        return [(each.partition_id, each.lost_attempts) for each in found]

    assert suggested() == []
    lose_a_node(factory, "one")
    assert suggested() == [(PARTITION, 1)]
    note(factory, a_report())
    assert suggested() == []


def test_operators_are_asked_about_an_agent_that_calls_in_no_more(factory: Running):
    def suggested() -> list[tuple[str, str]]:
        found = incidents.list_suggestions(
            factory.person("operator"), factory=factory.workshop.factory, now=wiring.now()
        )
        return [(each.site_id, each.partition_id) for each in found]

    agent = Agent(
        id="ag-1",
        site_id=SITE,
        public_key=bytes(32),
        enrolled_at=wiring.now() - timedelta(days=1),
        protocol=1,
        software="1",
    )
    agent_store.save_agent(agent)
    assert suggested() == [], "it never called: there is nothing that was lost"
    agent_store.save_agent(replace(agent, last_contact_at=wiring.now()))
    assert suggested() == []
    lost = replace(agent, last_contact_at=wiring.now() - timedelta(hours=1))
    agent_store.save_agent(lost)
    assert suggested() == [(SITE, "")]
    hour_ago = wiring.now() - timedelta(hours=2)
    note(factory, a_report(began_at=hour_ago, ended_at=hour_ago + timedelta(minutes=1)))
    assert suggested() == [(SITE, "")], "that one was over before"
    note(factory, a_report(words="The line is cut."))
    assert suggested() == []
    note(factory, a_report(site_id="juelich", partition_id="", words="Elsewhere."))
    agent_store.save_agent(replace(lost, id="ag-2", site_id="juelich", revoked_at=wiring.now()))
    assert suggested() == []
    found = incidents.list_incidents(PUBLIC, factory=factory.workshop.factory, site_id="juelich")
    assert [each.incident.now.words for each in found] == ["Elsewhere."]
    with pytest.raises(NotFound):
        incidents.list_incidents(PUBLIC, factory=factory.workshop.factory, site_id="atlantis")


def test_pages_follow_each_other_and_ask_as_often(factory: Running):
    made = [note(factory, a_report(words=f"Number {n}.")).id for n in range(5)]
    parts = factory.workshop.factory

    def page(after: str = "") -> list[str]:
        found = incidents.list_incidents(PUBLIC, factory=parts, after=after, limit=2)
        return [each.incident.id for each in found]

    first = page()
    assert first + page(first[-1]) == made[::-1][:4]
    with CaptureQueriesContext(connection) as few:
        incidents.list_incidents(PUBLIC, factory=parts, limit=1)
    with CaptureQueriesContext(connection) as many:
        incidents.list_incidents(PUBLIC, factory=parts, limit=5)
    assert len(few) == len(many) == 3
    assert [each.incident.id for each in incidents.list_open_incidents(PUBLIC, factory=parts)] == (
        made[::-1]
    )
