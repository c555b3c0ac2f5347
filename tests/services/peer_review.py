"""A round with peer review on the stage of the tests: a university, experts, and their scores."""

from datetime import timedelta

from allmende.domain.access.expert_reviews import Opinion
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.basics.people import DAEMON, Role
from allmende.services import applications, calls, expert_reviews, panels, reviewers, reviews
from tests.domain.access.full_form import FULL_ANSWERS
from tests.services.access import ANSWERS, NOON, RULES, deed, drafted, founder, officer, person

CALL_ID = "werkbank-ai-for-science-2027-1"
CUT_OFF = RULES.get_call(CALL_ID).cut_offs[0]
AFTER = CUT_OFF + timedelta(days=3)
PANEL_DAY = AFTER + timedelta(days=7)  # the applicants had their days to answer the reviews
CRITERIA = ("excellence", "impact", "implementation")


def open_round():
    return calls.open_call(deed(DAEMON), CALL_ID, rules=RULES)


def scientist(name="rosa"):
    return founder(name, kind=OrganisationKind.UNIVERSITY, size=None)


def drafted_in_full(ada, firm, **changes):
    """Return a complete draft under the call of the round."""
    answers = {**FULL_ANSWERS, "title": ANSWERS["title"], "summary": ANSWERS["summary"], **changes}
    answers |= {"keywords": answers["title"], "problem": answers["summary"], **changes}
    hours = answers["requested_hours"]
    answers["planned_runs"] = [{"name": "Training", "runs": 1, "devices": 1, "hours": hours}]
    return drafted(ada, firm, call_id=CALL_ID, **answers)


def handed_in(ada, firm, *, now=NOON, **changes):
    draft = drafted_in_full(ada, firm, **changes)
    return applications.submit_application(deed(ada, now=now), draft.id, rules=RULES)


def with_experts(ada, firm, **changes):
    """Return an application whose technical assessment says yes."""
    application = handed_in(ada, firm, **changes)
    return reviews.record_technical_assessment(
        deed(officer(), now=AFTER), application.id, is_feasible=True
    )


def expert(name="xenia", *, keywords=("tumour biopsy images",), load_limit=3, **profile):
    made = person(name, Role.REVIEWER)
    reviewers.save_profile(
        deed(made, now=AFTER), keywords=keywords, load_limit=load_limit, **profile
    )
    return made


def opinions(*scores, text="Sound, with a clear plan."):
    return [
        Opinion(criterion_id=criterion, score=score, text=f"{text} ({criterion})")
        for criterion, score in zip(CRITERIA, scores, strict=True)
    ]


def invited(application, reviewer, *, by=None):
    return panels.invite_reviewer(
        deed(by or officer(), now=AFTER), application.id, reviewer_id=reviewer.id
    )


def accepted(application, reviewer):
    invited(application, reviewer)
    return expert_reviews.answer_invitation(deed(reviewer, now=AFTER), application.id, accepts=True)


def reviewed(application, reviewer, *scores, text="Sound, with a clear plan."):
    """Let an expert accept, if they have not, and submit."""
    accepted(application, reviewer)
    return expert_reviews.submit_review(
        deed(reviewer, now=AFTER), application.id, opinions=opinions(*scores, text=text)
    )


def before_the_panel(ada, firm, *, scores=((4, 4, 4), (5, 4, 3)), experts=None, **changes):
    """Return an application of which every review is in, and its experts."""
    application = with_experts(ada, firm, **changes)
    experts = experts or [expert(f"e{number}") for number in range(len(scores))]
    for each in experts:
        accepted(application, each)
    for each, given in zip(experts, scores, strict=True):
        expert_reviews.submit_review(
            deed(each, now=AFTER), application.id, opinions=opinions(*given)
        )
    return applications.get_application(ada, application.id), experts
