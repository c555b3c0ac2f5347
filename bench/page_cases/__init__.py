"""A factory with many applications: a few made by the services, the rest copied from them as rows.

Ten thousand applications of two thousand organisations, four thousand projects with a ledger,
seven rounds with peer review and three thousand reviews. What differs is drawn with a seed.
"""

import random
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from tests.domain.access.full_form import FULL_ANSWERS

from allmende import wiring
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.services import applications, calls, organisations
from allmende.storage.applications import ApplicationRow
from allmende.storage.expert_reviews import ReviewerRow, ReviewRow
from allmende.storage.organisations import OrganisationRow
from allmende.storage.people import MembershipRow, PersonRow, get_person, save_person
from allmende.storage.reviews import TechnicalAssessmentRow
from allmende.wiring.access_rules import load_access_rules
from bench.page_cases.grants import save_awards

APPLICATIONS, ORGANISATIONS, REVIEWERS = 10_000, 2_000, 60
BIG_ROUND, SMALL_ROUNDS, SMALL_ROUND, REVIEWS_EACH = 400, 6, 100, 3
HOUR = 3600
CALL_OF = {
    "playground": "werkbank-playground-2026",
    "bridge": "werkbank-bridge-2026",
    "science": "werkbank-science-2026",
    "round": "werkbank-ai-for-science-2027-1",
}
WORDS = "Strömung Protein Sprache Bild Netz Wetter Stahl Herz Roboter Text Klima Molekül".split()
COUNTRIES = ("DE",) * 14 + ("FR", "FR", "AT", "NL", "PL", "CZ", "IT", "DK")
SIZES = ("micro",) * 5 + ("small",) * 5 + ("medium",) * 2 + ("large",)
SECTORS = ("62.01", "62.01", "72.1", "26.5", "86.9", "35.1", "71.2", "28.9", "01.1", "")
STATES = (
    ("draft", 6), ("technical_assessment", 1), ("submitted", 1), ("assessed", 1), ("awarded", 50),
    ("refused", 25), ("ineligible", 10), ("withdrawn", 6),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """Who looks, and the ids of what they look at."""

    officer: User
    reviewer: User
    member: User
    waiting_id: str
    panel_id: str
    project_id: str
    round_call: str
    cut_off: datetime
    year: int


def build_crowd(*, applications_count: int = APPLICATIONS, seed: int = 1) -> Crowd:
    """Fill an empty database; the same seed fills it alike."""
    dice = random.Random(seed)
    now = datetime.now(UTC).replace(microsecond=0)
    rules = load_access_rules()
    for call in rules.calls:
        calls.open_call(wiring.deed_of(DAEMON), call.id, rules=rules)
    templates = {name: _make_template(call_id) for name, call_id in CALL_OF.items()}
    people = {role: _sign_up(f"p-{role.value}", role) for role in (Role.PROGRAMME_OFFICER,)}
    member = _sign_up("p-member", Role.APPLICANT)
    _save_organisations(dice, now)
    MembershipRow.objects.create(person_id="p-member", organisation_id="o-0")
    reviewers = _save_reviewers(dice)
    cut_off = now - timedelta(days=20)
    rows = list(_draw_rounds(dice, templates["round"], cut_off))
    rest = applications_count - len(rows)
    rows += [_draw(dice, number, templates, now) for number in range(rest)]
    ApplicationRow.objects.bulk_create(rows, batch_size=500)
    _save_assessments(rows, now)
    _save_reviews(dice, [row for row in rows if row.cut_off_at], reviewers)
    projects = save_awards(dice, [row for row in rows if row.state == "awarded"])
    waiting = next(row.id for row in rows if row.state == "assessed" and not row.cut_off_at)
    in_panel = next(row.id for row in rows if row.state == "panel")
    return Crowd(
        officer=people[Role.PROGRAMME_OFFICER],
        reviewer=PersonRow.objects.get(id=reviewers[0]).login,
        member=member,
        waiting_id=waiting,
        panel_id=in_panel,
        project_id=projects[0],
        round_call=CALL_OF["round"],
        cut_off=cut_off,
        year=now.year,
    )


def _sign_up(person_id: str, *roles: Role) -> User:
    person = Person(
        id=person_id, name=person_id, email=f"{person_id}@example.org", roles=frozenset(roles)
    )
    save_person(person)
    login = User.objects.create_user(username=person_id)
    PersonRow.objects.filter(id=person_id).update(login=login)
    return login


def _make_template(call_id: str) -> ApplicationRow:
    """Return the row of an application that went through the services up to its submission."""
    rules = load_access_rules()
    call = rules.get_call(call_id)
    is_science = call_id in (CALL_OF["science"], CALL_OF["round"])
    person_id = f"p-{call_id}"
    _sign_up(person_id, Role.APPLICANT)
    deed = wiring.deed_of(get_person(person_id))
    kind = OrganisationKind.UNIVERSITY if is_science else OrganisationKind.ENTERPRISE
    firm = organisations.register_organisation(deed, name=person_id, kind=kind, country="DE")
    deed = wiring.deed_of(get_person(person_id))
    draft = applications.start_application(deed, call_id=call_id, organisation_id=firm.id)
    applications.edit_application(
        deed, draft.id, changes=_answers(call.size_max_seconds // HOUR, is_science=is_science)
    )
    at = max(call.opens_at + timedelta(days=1), deed.now)
    applications.submit_application(replace(deed, now=at), draft.id, rules=rules)
    return ApplicationRow.objects.get(id=draft.id)


def _answers(hours: int, *, is_science: bool) -> dict[str, object]:
    run = {"name": "Training", "runs": 1, "devices": 1, "hours": str(hours)}
    return {
        **FULL_ANSWERS,
        "purpose": "research" if is_science else "private_innovation",
        "requested_hours": str(hours),
        "planned_runs": [run],
        "duration_months": 6 if is_science else 3,
        "aid_received_cents": 0,
    }


def _save_organisations(dice: random.Random, now: datetime) -> None:
    OrganisationRow.objects.bulk_create(
        OrganisationRow(
            id=f"o-{number}",
            name=f"Werk {number} GmbH",
            kind="enterprise",
            country=dice.choice(COUNTRIES),
            is_start_up=number % 5 == 0,
            vat_number="",
            nace_code=dice.choice(SECTORS),
            size_class=dice.choice(SIZES),
            registered_at=now,
        )
        for number in range(ORGANISATIONS)
    )
    PersonRow.objects.bulk_create(
        PersonRow(
            id=f"a-{number}",
            name=f"Ada {number}",
            email=f"a{number}@example.org",
            roles=["applicant"],
        )
        for number in range(ORGANISATIONS)
    )


def _save_reviewers(dice: random.Random) -> list[str]:
    ids = [f"r-{number}" for number in range(REVIEWERS)]
    for person_id in ids:
        _sign_up(person_id, Role.REVIEWER)
    ReviewerRow.objects.bulk_create(
        ReviewerRow(
            person_id=person_id,
            content={
                "person_id": person_id,
                "keywords": dice.sample(WORDS, 3),
                "affiliation": "Institut",
                "worked_with": [],
                "load_limit": 60,
                "updated_at": "2026-01-01T00:00:00+00:00",
            },
        )
        for person_id in ids
    )
    return ids


def _copy(dice: random.Random, template: ApplicationRow, **changes: Any) -> ApplicationRow:
    """Return another application of another organisation."""
    number = dice.randrange(ORGANISATIONS)
    form, frozen = dict(template.form), deepcopy(template.frozen)
    form["title"] = " ".join(dice.sample(WORDS, 4))
    frozen["organisation"] |= {
        "id": f"o-{number}",
        "name": f"Werk {number} GmbH",
        "size_class": dice.choice(SIZES),
        "country": dice.choice(COUNTRIES),
        "nace_code": dice.choice(SECTORS),
    }
    values = {
        "call_id": template.call_id,
        "organisation_id": f"o-{number}",
        "applicant_id": f"a-{number}",
        "form": form,
        "frozen": frozen,
        **changes,
    }
    return ApplicationRow(**values)


def _draw_rounds(
    dice: random.Random, template: ApplicationRow, newest: datetime
) -> Iterator[ApplicationRow]:
    """Yield the applications of rounds with peer review: the newest is before its panel."""
    for round_number in range(SMALL_ROUNDS + 1):
        cut_off_at = newest - timedelta(days=60 * round_number)
        for number in range(SMALL_ROUND if round_number else BIG_ROUND):
            at = cut_off_at - timedelta(hours=dice.randrange(1, 400))
            state = "panel"
            if round_number:
                state = "awarded" if number % 3 == 0 else "refused"
            elif number % 4 == 0:
                state = "expert_review"
            reviewed_at = None if state == "expert_review" else cut_off_at + timedelta(days=15)
            decided_at = cut_off_at + timedelta(days=30) if round_number else None
            yield _copy(
                dice,
                template,
                id=f"app-r{round_number}{number:04d}",
                state=state,
                started_at=at,
                edited_at=at,
                submitted_at=at,
                cut_off_at=cut_off_at,
                due_at=cut_off_at + timedelta(days=33),
                reviewed_at=reviewed_at,
                ranked_at=decided_at,
                decided_at=decided_at,
            )


def _draw(
    dice: random.Random, number: int, templates: dict[str, ApplicationRow], now: datetime
) -> ApplicationRow:
    template = templates[dice.choice(("playground", "playground", "bridge", "science"))]
    (state,) = dice.choices([name for name, _ in STATES], [weight for _, weight in STATES])
    is_waiting = state in ("technical_assessment", "submitted", "assessed")
    age_hours = dice.randrange(1, 100) if is_waiting else dice.randrange(200, 24 * 320)
    at = now - timedelta(hours=age_hours)
    is_draft = state == "draft"
    is_decided = not is_draft and not is_waiting
    row = _copy(
        dice,
        template,
        id=f"app-{number:05d}",
        state=state,
        started_at=at,
        edited_at=at,
        submitted_at=None if is_draft else at,
        due_at=None if is_draft else at + timedelta(days=4),
        decided_at=at + timedelta(hours=dice.randrange(1, 110)) if is_decided else None,
        decision=dict(template.decision or {"template": "Decided.", "facts": {}}),
    )
    if is_draft:
        row.frozen = None
    return row


def _save_assessments(rows: list[ApplicationRow], now: datetime) -> None:
    assessed = {"assessed", "awarded", "refused", "expert_review", "panel"}
    TechnicalAssessmentRow.objects.bulk_create(
        TechnicalAssessmentRow(
            application_id=row.id,
            is_feasible=row.state != "refused",
            notes="It will run.",
            assessed_by="p-operator",
            assessed_at=now,
        )
        for row in rows
        if row.state in assessed
    )


def _save_reviews(dice: random.Random, rows: list[ApplicationRow], reviewers: list[str]) -> None:
    ReviewRow.objects.bulk_create(
        ReviewRow(
            id=f"rev-{row.id}-{place}",
            application_id=row.id,
            reviewer_id=reviewer_id,
            state="accepted" if row.state == "expert_review" and place else "submitted",
            opinions=[
                {"criterion_id": each, "score": dice.randrange(1, 6), "text": "Klar. " * 40}
                for each in ("excellence", "impact", "implementation")
            ],
            conflict="",
            invited_at=row.cut_off_at,
            answered_at=row.cut_off_at,
            submitted_at=None if row.state == "expert_review" and place else row.cut_off_at,
        )
        for row in rows
        for place, reviewer_id in enumerate(dice.sample(reviewers, REVIEWS_EACH))
    )
