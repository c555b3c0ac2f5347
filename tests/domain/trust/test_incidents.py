"""What may be said of an incident, and which attempts it cost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from allmende.domain.basics.periods import TimeWithoutZone
from allmende.domain.basics.refusals import InvalidInput, NotFound
from allmende.domain.trust import incidents
from allmende.domain.trust.incidents import (
    CLOCK_LEEWAY,
    LONGEST_WORDS,
    Impact,
    Incident,
    IncidentEndsBeforeItBegan,
    IncidentEndsLater,
    IncidentEntry,
    IncidentHasNotBegun,
    LostAttempt,
    PartitionElsewhere,
    Report,
)
from tests.domain.basics.test_sites import FACTORY

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
LASTS = Report(site_id="here", impact=Impact.DOWN, began_at=NOON, words="The power is out.")
OVER = replace(LASTS, ended_at=NOON + HOUR)
LOST = LostAttempt(
    key="j-1.1", job_id="j-1", partition_id="bench", ended_at=NOON, refunded_seconds=9
)
SITES = {"bench": "here", "desk": "here", "booster": "there"}


@pytest.mark.parametrize(
    "report",
    [
        LASTS,
        OVER,
        replace(LASTS, partition_id="bench", note="Fuse 3."),
        replace(LASTS, began_at=NOON + HOUR + CLOCK_LEEWAY),
        replace(OVER, ended_at=NOON + HOUR + CLOCK_LEEWAY),
    ],
)
def test_what_happened_can_be_told_also_by_a_clock_that_runs_ahead(report):
    incidents.check_report(report, factory=FACTORY, now=NOON + HOUR)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"site_id": "nowhere"}, NotFound),
        ({"partition_id": "nothing"}, NotFound),
        ({"partition_id": "booster"}, PartitionElsewhere),
        ({"began_at": NOON.replace(tzinfo=None)}, TimeWithoutZone),
        ({"ended_at": NOON.replace(tzinfo=None) + HOUR}, TimeWithoutZone),
        ({"began_at": NOON + HOUR + CLOCK_LEEWAY + SECOND}, IncidentHasNotBegun),
        ({"ended_at": NOON}, IncidentEndsBeforeItBegan),
        ({"ended_at": NOON + HOUR + CLOCK_LEEWAY + SECOND}, IncidentEndsLater),
        ({"words": " "}, InvalidInput),
        ({"words": "x" * (LONGEST_WORDS + 1)}, InvalidInput),
        ({"note": "x" * (LONGEST_WORDS + 1)}, InvalidInput),
    ],
)
def test_what_cannot_have_happened_is_refused(changes, refusal):
    with pytest.raises(refusal):
        incidents.check_report(replace(LASTS, **changes), factory=FACTORY, now=NOON + HOUR)


def test_the_latest_entry_says_how_things_stand():
    entries = tuple(
        IncidentEntry(incident_id="in-1", number=number, report=report, at=NOON, by="p-1")
        for number, report in enumerate((LASTS, OVER), start=1)
    )
    incident = Incident(id="in-1", entries=entries[:1])
    assert (incident.now, incident.is_open) == (LASTS, True)
    incident = replace(incident, entries=entries)
    assert (incident.now, incident.is_open) == (OVER, False)


def test_a_report_covers_its_site_while_it_lasts():
    assert incidents.covers(LASTS, "here", since=NOON + 99 * HOUR)
    assert not incidents.covers(LASTS, "there", since=NOON)
    assert incidents.covers(OVER, "here", since=NOON + HOUR - SECOND)
    assert not incidents.covers(OVER, "here", since=NOON + HOUR)


@pytest.mark.parametrize(
    ("report", "lost", "is_touched"),
    [
        (LASTS, {}, True),
        (LASTS, {"partition_id": "desk"}, True),  # the whole site
        (LASTS, {"partition_id": "booster"}, False),
        (LASTS, {"partition_id": "gone"}, False),
        (replace(LASTS, partition_id="bench"), {}, True),
        (replace(LASTS, partition_id="bench"), {"partition_id": "desk"}, False),
        (LASTS, {"ended_at": NOON - SECOND}, False),
        (LASTS, {"ended_at": NOON + 99 * HOUR}, True),
        (OVER, {"ended_at": NOON + HOUR - SECOND}, True),
        (OVER, {"ended_at": NOON + HOUR}, False),
    ],
)
def test_an_attempt_is_touched_that_was_lost_there_and_then(report, lost, is_touched):
    assert incidents.is_touched(report, replace(LOST, **lost), sites=SITES) is is_touched
