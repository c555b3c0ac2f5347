"""A round with peer review whose cut-off has passed, on the stage of a small factory."""

from dataclasses import dataclass, replace
from datetime import timedelta

from allmende import wiring
from allmende.domain.access.expert_reviews import Opinion
from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.services import (
    applications,
    calls,
    expert_reviews,
    panels,
    people,
    reviewers,
    reviews,
)
from allmende.services.deeds import Deed
from allmende.web.pages.panels import write_cut_off
from allmende.wiring.access_rules import load_access_rules
from tests.domain.access.full_form import FULL_ANSWERS
from tests.web.world import World, build_world, register

SHIPPED_CALL = "werkbank-ai-for-science-2027-1"
CALL = "science-round"
OPEN_CALL = "science-next-round"
FIELDS = (
    ("Ozeanmodelle", "Strömungen", "Wettervorhersage"),
    ("Proteine", "Sprachmodelle"),
    ("Bildverarbeitung", "Ozeanmodelle"),
)
TITLES = (
    "Strömungen im Ozean nachlernen",
    "Sprachmodelle für alte Handschriften",
    "Proteine in Bewegung",
    "Bildverarbeitung für Satelliten",
)


@dataclass
class Round:
    """The ids of what there is, as addresses have them."""

    round_call: str
    cut_off: str
    invited_id: str  # the first expert was asked
    writing_id: str  # the first expert writes
    ranked_id: str  # all reviews are in
    full_draft_id: str  # a full form, under a call that is open


def build_round(
    officer: Person,
    operator: Person,
    researcher: Person,
    organisation_id: str,
    experts: list[Person],
) -> Round:
    """Build a round: one application is asked for, one is being written about, two are ranked."""
    now = wiring.now().replace(microsecond=0)
    cut_off = now - timedelta(days=20)

    def deed(person: Person, days: int = 0) -> Deed:
        return replace(wiring.deed_of(person), now=now + timedelta(days=days))

    rules = load_access_rules()
    shipped = rules.get_call(SHIPPED_CALL)
    call = replace(shipped, id=CALL, opens_at=now - timedelta(days=40), cut_offs=(cut_off,))
    calls.open_call(deed(DAEMON, -40), CALL, rules=replace(rules, calls=(*rules.calls, call)))
    for expert, fields in zip(experts, FIELDS, strict=True):
        reviewers.save_profile(deed(expert), keywords=fields, affiliation="Institut", load_limit=4)
    made = []
    for title in TITLES:
        draft = applications.start_application(
            deed(researcher, -25), call_id=CALL, organisation_id=organisation_id
        )
        applications.edit_application(
            deed(researcher, -25), draft.id, changes=answers(title, researcher)
        )
        applications.submit_application(deed(researcher, -25), draft.id, rules=rules)
        reviews.record_technical_assessment(deed(operator, -19), draft.id, is_feasible=True)
        made.append(draft.id)
    invited_id, writing_id, *ranked_ids = made
    for application_id in made:
        panels.invite_reviewer(deed(officer), application_id, reviewer_id=experts[0].id)
        if application_id != invited_id:
            expert_reviews.answer_invitation(deed(experts[0]), application_id, accepts=True)
    for number, application_id in enumerate(ranked_ids):
        panels.invite_reviewer(deed(officer), application_id, reviewer_id=experts[1].id)
        expert_reviews.answer_invitation(deed(experts[1]), application_id, accepts=True)
        for expert, scores in zip(experts, ((4, 5 - number, 3), (5, 4, 4)), strict=False):
            # So long ago that the applicant has had their days to answer.
            early, said = deed(expert, -15), opinions(*scores)
            expert_reviews.submit_review(early, application_id, opinions=said)
    later = replace(call, id=OPEN_CALL, cut_offs=(now + timedelta(days=30),))
    calls.open_call(deed(DAEMON), OPEN_CALL, rules=replace(rules, calls=(*rules.calls, later)))
    draft = applications.start_application(
        deed(researcher), call_id=OPEN_CALL, organisation_id=organisation_id
    )
    applications.edit_application(
        deed(researcher), draft.id, changes=answers("Eis und Meer", researcher)
    )
    return Round(CALL, write_cut_off(cut_off), invited_id, writing_id, ranked_ids[0], draft.id)


def build_stage() -> tuple[World, Person, list[Person], Round]:
    """Build two tenants and a round of the first; return them, the applicant and the experts."""
    world = build_world()
    experts = [register(name, Role.REVIEWER) for name in ("xenia", "yvo", "zita")]
    applicant = people.get_person(world.people["applicant"].id)
    officer, operator = world.people["programme_officer"], world.people["operator"]
    organisation_id = world.ids["organisation_id"]
    found = build_round(officer, operator, applicant, organisation_id, experts)
    return world, applicant, experts, found


def answers(title: str, person: Person) -> dict[str, object]:
    return {
        **FULL_ANSWERS,
        "title": title,
        "summary": f"{title}: Daten aus zehn Jahren, ein Modell, das alle nutzen können.",
        "principal_investigator": person.name,
        "principal_investigator_email": person.email,
    }


def opinions(*scores: int) -> list[Opinion]:
    criteria = ("excellence", "impact", "implementation")
    text = "Der Ansatz ist klar, die Daten liegen vor; der Zeitplan ist knapp, aber möglich."
    return [
        Opinion(criterion_id=criterion, score=score, text=text)
        for criterion, score in zip(criteria, scores, strict=True)
    ]
