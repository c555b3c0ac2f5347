"""The programme's figures, each beside what single records say."""

import csv
import hashlib
import io
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.programme_figures import Dimension, Stage, sum_funnels, sum_hours
from allmende.domain.access.spans import parse_span
from allmende.domain.basics.people import PUBLIC, Role
from allmende.domain.basics.refusals import InvalidInput, NotPermitted
from allmende.domain.basics.sentences import Sentence
from allmende.services import (
    access_years,
    allocations,
    appeals,
    applications,
    awards,
    programme_figures,
    reviews,
)
from allmende.services.programme_figures import SpanIsNotOver
from allmende.storage import applications as application_store
from allmende.storage import audit as audit_store
from allmende.storage import awards as award_store
from allmende.storage import ledger as ledger_store
from allmende.storage import organisations as organisation_store
from tests.services.access import (
    NOON,
    RULES,
    assessed,
    awarded,
    deed,
    drafted,
    founder,
    officer,
    open_playground,
    person,
    submitted,
)

pytestmark = pytest.mark.django_db
YEAR, MONTH = parse_span("2026"), parse_span("2026-11")
LATER = datetime(2027, 4, 2, tzinfo=UTC)
HOUR = 3600
WHY = Sentence("a test")


@pytest.fixture
def office():
    open_playground()
    return officer()


def use(ada, award, *, held=HOUR, used=HOUR // 2, at=NOON):
    """Let a job of a project use time."""
    hold = f"hold-{award.id}-{at.timestamp()}-{used}"
    allocations.hold_for_job(
        deed(ada, now=at), project_id=award.project_id, hold_id=hold, seconds=held, reason=WHY
    )
    allocations.settle_job(deed(ada, now=at), hold_id=hold, used_seconds=used, reason=WHY)
    return hold


def store_sector(firm, code):
    known = organisation_store.get_organisation(firm.id)
    organisation_store.save_organisation(replace(known, nace_code=code, is_start_up=True))


def build_story(office):
    """Let applications come to every stage, and hours be used, refunded, taken back, expired."""
    ada, firm = founder()
    store_sector(firm, "62.01")
    uni, school = founder("uni", kind=OrganisationKind.UNIVERSITY)
    drafted(ada, firm)
    drafted(uni, school)
    withdrawn = submitted(ada, firm)
    applications.withdraw_application(deed(ada), withdrawn.id)
    submitted(ada, firm)
    refused = assessed(ada, firm)
    awards.refuse_application(deed(office), refused.id, why="Too vague.")
    first, second = awarded(ada, firm), awarded(ada, firm, requested_hours="2")
    hold = use(ada, first)
    use(ada, first, used=2 * HOUR, at=NOON + timedelta(days=10))  # beyond its hold, next month
    allocations.refund_attempt(deed(office), refund_id="r", hold_id=hold, seconds=100, reason=WHY)
    change = {"project_id": second.project_id, "reason": WHY}
    allocations.claw_back_project(
        deed(office), claw_back_id="c", mode_id="playground", seconds=HOUR, **change
    )
    allocations.top_up_project(
        deed(office), top_up_id="t", mode_id="playground", seconds=60, **change
    )
    allocations.correct_transfer(deed(office), transfer_id="top_up:t", reason=WHY)
    allocations.expire_project(deed(office), expiry_id="e", **change)
    return first, second


def test_the_funnel_counts_every_stage_and_each_number_opens(office):
    build_story(office)
    figures = programme_figures.get_figures(office, YEAR, now=NOON + timedelta(days=20))
    counts = sum_funnels(figures.funnels)
    assert {stage.value: number for stage, number in counts.items()} == {
        "started": 7,
        "submitted": 5,
        "eligible": 5,
        "assessed": 3,
        "awarded": 2,
        "refused": 1,
        "ineligible": 0,
        "withdrawn": 1,
        "open": 1,
    }
    for stage, number in counts.items():
        rows = programme_figures.list_applications(office, YEAR, stage, mode_id="playground")
        drafts = number - len(rows) if stage is Stage.STARTED else 0
        assert (len(rows), drafts) == (number - drafts, 2 if stage is Stage.STARTED else 0)
    assert programme_figures.list_applications(office, YEAR, Stage.AWARDED, mode_id="x") == []
    before = programme_figures.get_figures(office, parse_span("2026-10"), now=NOON)
    assert (before.funnels, before.times, before.hours) == ((), (), ())


def test_pages_of_what_a_number_counts_follow_each_other(office):
    ada, firm = founder()
    made = sorted(submitted(ada, firm).id for _ in range(5))
    seen, after = [], ""
    while page := programme_figures.list_applications(
        office, YEAR, Stage.SUBMITTED, after=after, limit=2
    ):
        seen += [each.id for each in page]
        after = page[-1].id
    assert seen == made


def test_late_decisions_are_named_and_missing_ones_too(office):
    ada, firm = founder()
    in_time, late, missing = (assessed(ada, firm).id for _ in range(3))
    awards.award_application(deed(office), in_time, rules=RULES)
    awards.award_application(deed(office, now=NOON + timedelta(days=4)), late, rules=RULES)
    figures = programme_figures.get_figures(office, YEAR, now=NOON + timedelta(days=20))
    (times,) = figures.times
    assert (times.decided, times.missing, times.in_time) == (2, 1, 1)
    assert (times.median_days, times.nine_in_ten_days) == (0, 4)
    assert {each.application_id for each in times.late} == {late, missing}
    (fresh,) = programme_figures.get_figures(office, YEAR, now=NOON).times
    assert fresh.missing == 0


def test_hours_are_those_of_the_ledger_and_open_their_projects(office):
    first, second = build_story(office)
    figures = programme_figures.get_figures(office, YEAR, now=LATER)
    by_month = {each.month: each for each in sum_hours(figures.hours, [Dimension.MONTH])}
    november, december = by_month["2026-11"], by_month["2026-12"]
    assert november.granted_seconds == 4 * HOUR + 2 * HOUR - HOUR
    assert november.used_seconds == HOUR // 2 - 100
    assert november.expired_seconds == HOUR
    assert (december.granted_seconds, december.used_seconds) == (0, 2 * HOUR)
    (sector,) = sum_hours(figures.hours, [Dimension.SIZE, Dimension.SECTOR, Dimension.CATEGORY])
    assert (sector.size_class, sector.sector, sector.user_category) == ("small", "J", "industry")
    opened = programme_figures.list_project_hours(office, YEAR, {Dimension.SIZE: "small"})
    assert {each.subject.project_id for each in opened} == {first.project_id, second.project_id}
    assert sum(each.hours.granted_seconds for each in opened) == november.granted_seconds
    assert programme_figures.list_project_hours(office, YEAR, {Dimension.SIZE: "micro"}) == []
    page = programme_figures.list_project_hours(office, YEAR, {}, limit=1)
    rest = programme_figures.list_project_hours(
        office, YEAR, {}, after=page[0].subject.project_id, limit=1
    )
    assert len({page[0].subject.project_id, rest[0].subject.project_id}) == 2


def test_all_figures_take_the_same_number_of_questions_however_much_there_is(office):
    def count() -> list[int]:
        numbers = []
        for ask in (
            lambda: programme_figures.get_figures(office, YEAR, now=LATER),
            lambda: programme_figures.list_project_hours(office, YEAR, {}),
            lambda: programme_figures.list_applications(office, YEAR, Stage.STARTED),
            lambda: access_years.build_year(office, 2026, rules=RULES, now=LATER),
            lambda: programme_figures.get_public_figures(PUBLIC, parse_span("2026-Q4"), now=LATER),
        ):
            with CaptureQueriesContext(connection) as asked:
                ask()
            numbers.append(len(asked))
        return numbers

    build_story(office)
    few = count()
    for _ in range(3):
        build_more(office)
    assert count() == few
    assert max(few) <= 20


def build_more(office):
    ada, firm = founder(f"more{office.id}")
    use(ada, awarded(ada, firm, requested_hours="2"))


def test_an_auditor_computes_the_same_hours_from_the_rows_of_the_ledger(office):
    """By hand, transfer by transfer, with nothing of the code that makes the figures."""
    build_story(office)
    built = access_years.build_year(office, 2026, rules=RULES, now=LATER)
    owners = {each.id: each for each in ledger_store.iterate_accounts()}
    frozen = {
        award.project_id: application_store.get_application(award.application_id).submitted
        for award in award_store.list_awards(limit=1000)
    }
    sums: dict = defaultdict(Counter)
    for transfer in ledger_store.iterate_transfers():
        debit, credit = owners[transfer.debit_account_id], owners[transfer.credit_account_id]
        route = f"{debit.kind.value} {credit.kind.value}"
        kinds = {
            "pool project": ("granted", 1, credit), "project pool": ("granted", -1, debit),
            "held consumed": ("used", 1, credit), "project consumed": ("used", 1, credit),
            "refunded project": ("used", -1, credit), "project expired": ("expired", 1, debit),
        }  # fmt: skip
        if route in kinds:
            word, sign, account = kinds[route]
            organisation = frozen[account.owner_id].organisation
            month = transfer.at.strftime("%Y-%m")  # nothing happens near midnight here
            key = (organisation.size_class.value, organisation.country, month)
            sums[key][word] += sign * transfer.amount_seconds
    rows = list(csv.DictReader(io.StringIO(built.files["hours.csv"])))
    told: dict = defaultdict(Counter)
    for row in rows:
        for word in ("granted", "used", "expired"):
            key = (row["size_class"], row["country"], row["month"])
            told[key][word] += int(row[f"{word}_seconds"])
    assert told == sums
    assert {row["mode_id"] for row in rows} == {"playground"}
    assert {row["user_category"] for row in rows} == {"industry"}
    assert {row["partition_id"] for row in rows} == {"werkbank"}


def test_the_manifest_names_every_digest_and_the_heads(office):
    build_story(office)
    built = access_years.build_year(office, 2026, rules=RULES, now=NOON)
    for name, described in built.manifest["files"].items():
        content = built.files[name].encode()
        assert described == {
            "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)
        }  # fmt: skip
    head = audit_store.get_head()
    *_, last = ledger_store.iterate_transfers()
    assert built.manifest["audit"] == {"events": head.number, "hash": head.hash}
    assert built.manifest["ledger"] == {
        "transfers": ledger_store.count_transfers(), "last_transfer": last.id
    }  # fmt: skip
    assert built.manifest["is_complete"] is False
    assert access_years.build_year(office, 2026, rules=RULES, now=LATER).manifest["is_complete"]
    assert list(built.list_files()) == ["hours.csv", "access-time.json", "manifest.json"]
    assert built.data["organisations"]["smes_granted"] == 1
    assert built.data["organisations"]["smes_used"] == 1
    assert built.data["organisations"]["start_ups_granted"] == 1
    assert [each["mode_id"] for each in built.data["decisions"]] == ["playground"]
    assert built.data["first_jobs"][0]["awards"] == 2
    rules = {each["rule"] for each in built.data["ceilings"]}
    assert {"share.commercial", "share.industrial_innovation"} <= rules
    given = next(
        each["given_seconds"]
        for each in built.data["ceilings"]
        if each["rule"] == "share.industrial_innovation" and each["partition_id"] == "werkbank"
    )
    hours = sum(each["granted_seconds"] for each in built.data["hours"])
    assert given == hours


@pytest.mark.parametrize("year", [1999, 2028])
def test_a_year_that_has_not_begun_has_no_data(office, year):
    with pytest.raises(InvalidInput):
        access_years.build_year(office, year, rules=RULES, now=NOON)


def test_only_the_office_and_auditors_read_what_names_somebody(office):
    build_story(office)
    asked = (
        lambda reader: programme_figures.get_figures(reader, YEAR, now=NOON),
        lambda reader: programme_figures.list_applications(reader, YEAR, Stage.AWARDED),
        lambda reader: programme_figures.list_project_hours(reader, YEAR, {}),
        lambda reader: access_years.build_year(reader, 2026, rules=RULES, now=NOON),
    )
    for ask in asked:
        for role in (Role.APPLICANT, Role.REVIEWER, Role.OPERATOR, Role.ADMINISTRATOR):
            with pytest.raises(NotPermitted):
                ask(person("nosy", role))
        with pytest.raises(NotPermitted):
            ask(PUBLIC)
        ask(person("auditor", Role.AUDITOR))


@pytest.mark.parametrize("name", ["2026", "2026-11", "2026-Q4", "2027-Q1"])
def test_the_public_reads_only_quarters_that_are_over(office, name):
    """A year is the sum of its quarters, and today less yesterday is one organisation."""
    with pytest.raises(SpanIsNotOver):
        programme_figures.get_public_figures(PUBLIC, parse_span(name), now=NOON)


def public(now=LATER):
    return programme_figures.get_public_figures(PUBLIC, parse_span("2026-Q4"), now=now)


def test_the_public_reads_nothing_of_four_organisations_and_something_of_five(office):
    for number in range(4):
        awarded(*founder(f"firm{number}"), requested_hours="1")
    assert all(table.total is None for each in public() for table in each.tables.values())
    awarded(*founder("firm4"), requested_hours="1")
    figures = {each.name: each for each in public()}
    size = figures["awarded"].tables[Dimension.SIZE]
    assert (dict(size.named), size.others, size.total) == ({"small": 5}, None, 5)
    hours = figures["granted_seconds"].tables[Dimension.COUNTRY]
    assert (dict(hours.named), hours.total) == ({"DE": 5 * HOUR}, 5 * HOUR)
    assert "used_seconds" not in figures
    assert Dimension.MODE not in figures["granted_seconds"].tables


def test_a_small_class_is_in_no_public_table_and_in_no_difference(office):
    for number in range(6):
        awarded(*founder(f"small{number}"), requested_hours="1")
    for number in range(2):
        awarded(*founder(f"micro{number}", size=(3, 1, 1)), requested_hours="1")
    size = {each.name: each for each in public()}["awarded"].tables[Dimension.SIZE]
    assert (dict(size.named), size.others, size.total) == ({}, 8, 8)


def test_what_was_published_does_not_change_with_what_comes_later(office):
    made = [founder(f"firm{number}") for number in range(6)]
    for each in made:
        awarded(*each, requested_hours="1")
    before = public()
    late = submitted(*founder("late"), now=LATER)
    reviews.record_technical_assessment(deed(office, now=LATER), late.id, is_feasible=True)
    awards.award_application(deed(office, now=LATER), late.id, rules=RULES)
    kept = application_store.get_application(late.id)
    assert kept.decided_at == LATER
    assert public(LATER + timedelta(days=1)) == before


def test_a_refusal_that_an_appeal_undid_stays_in_the_quarter_that_was_published(office):
    ada, firm = founder("firm0")
    refused = [assessed(*founder(f"firm{number}")) for number in range(1, 6)] + [
        assessed(ada, firm)
    ]
    for each in refused:
        awards.refuse_application(deed(office), each.id, why="Too vague.")
    before = {each.name: each for each in public()}
    assert before["refused"].tables[Dimension.COUNTRY].total == 6
    appeal = appeals.file_appeal(deed(ada), refused[-1].id, reason="It is not.", rules=RULES)
    appeals.answer_appeal(
        deed(officer(), now=LATER), appeal.id, is_upheld=True, answer="Indeed.", rules=RULES
    )
    assert application_store.get_application(refused[-1].id).decided_at is None
    assert {each.name: each for each in public(LATER + timedelta(days=1))} == before


def test_whose_hours_they_are_is_read_from_what_was_frozen(office):
    """Whoever grows or moves afterwards does not change what was reported."""
    first, _ = build_story(office)
    application = application_store.get_application(first.application_id)
    frozen = replace(
        application.submitted,
        organisation=replace(application.submitted.organisation, country="FR"),
    )
    application_store.save_application(replace(application, frozen=frozen))
    figures = programme_figures.get_figures(office, YEAR, now=LATER)
    assert {each.country for each in figures.hours} == {"DE", "FR"}
