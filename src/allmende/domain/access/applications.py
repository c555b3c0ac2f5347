"""An application asks for compute time under a call; on submission everything about it freezes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from allmende.domain.access.application_forms import ApplicationForm, Finding, check_size, review
from allmende.domain.access.calls import Call, check_open
from allmende.domain.access.consents import Consent
from allmende.domain.access.documents import Document
from allmende.domain.access.edits import AnswersDiffer, Difference, merge, read_seen
from allmende.domain.access.modes import AccessMode, FormKind
from allmende.domain.access.organisations import Organisation
from allmende.domain.access.verdicts import Answers, EligibilityResult, Verdict
from allmende.domain.access.working_days import due_after
from allmende.domain.basics.lifecycle import ForbiddenMove, Lifecycle
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence


class ApplicationIsFrozen(Refusal):
    """Application {application} was submitted on {submitted_at} and cannot be changed any more.
    Withdraw it and apply anew, or write to the programme office."""


class ApplicationIsIncomplete(Refusal):
    """{count} answers are missing or wrong. First: {first}"""

    status = 422


class StepIsNotCurrent(ForbiddenMove):
    """Application {application} is {state}; this takes one that is {step}. Do first what its own
    step asks."""


class ApplicationState(StrEnum):
    """Where an application stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"  # the rules leave its eligibility to the programme office
    INELIGIBLE = "ineligible"
    TECHNICAL_ASSESSMENT = "technical_assessment"
    EXPERT_REVIEW = "expert_review"
    PANEL = "panel"  # every review is in; the panel ranks
    ASSESSED = "assessed"  # every step of its mode is done; the decision is next
    AWARDED = "awarded"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


# Handed in, and not decided.
WAITING = (
    ApplicationState.SUBMITTED,
    ApplicationState.TECHNICAL_ASSESSMENT,
    ApplicationState.EXPERT_REVIEW,
    ApplicationState.PANEL,
    ApplicationState.ASSESSED,
)
LIFECYCLE = Lifecycle(
    {
        ApplicationState.DRAFT: frozenset({ApplicationState.SUBMITTED, ApplicationState.WITHDRAWN}),
        ApplicationState.SUBMITTED: frozenset(
            {
                ApplicationState.INELIGIBLE,
                ApplicationState.TECHNICAL_ASSESSMENT,
                ApplicationState.WITHDRAWN,
            }
        ),
        ApplicationState.TECHNICAL_ASSESSMENT: frozenset(
            {
                ApplicationState.ASSESSED,
                ApplicationState.EXPERT_REVIEW,
                ApplicationState.WITHDRAWN,
            }
        ),
        ApplicationState.EXPERT_REVIEW: frozenset(
            {ApplicationState.PANEL, ApplicationState.WITHDRAWN}
        ),
        ApplicationState.PANEL: frozenset(
            {
                ApplicationState.ASSESSED,
                ApplicationState.EXPERT_REVIEW,
                ApplicationState.WITHDRAWN,
            }
        ),
        ApplicationState.ASSESSED: frozenset(
            {
                ApplicationState.AWARDED,
                ApplicationState.EXPERT_REVIEW,
                ApplicationState.REFUSED,
                ApplicationState.WITHDRAWN,
            }
        ),
        # The moves after a decision are those of an appeal that was upheld.
        ApplicationState.INELIGIBLE: frozenset({ApplicationState.TECHNICAL_ASSESSMENT}),
        ApplicationState.REFUSED: frozenset(
            {ApplicationState.ASSESSED, ApplicationState.TECHNICAL_ASSESSMENT}
        ),
        ApplicationState.AWARDED: frozenset(),
        ApplicationState.WITHDRAWN: frozenset(),
    }
)


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """What the decision rests on, as it was at submission; later edits of it change nothing."""

    call: Call
    mode: AccessMode
    organisation: Organisation
    eligibility: EligibilityResult
    rules_hash: str
    terms_hash: str
    publication: Consent | None = None  # None: nobody was asked yet
    declarations: tuple[Consent, ...] = ()  # empty: from before they were kept
    documents: tuple[Document, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Application:
    """A request for compute time, from its first draft to the decision."""

    id: str
    call_id: str
    organisation_id: str
    applicant_id: str
    state: ApplicationState = ApplicationState.DRAFT
    form: ApplicationForm = field(default_factory=ApplicationForm)
    started_at: datetime
    edited_at: datetime
    submitted_at: datetime | None = None
    cut_off_at: datetime | None = None
    due_at: datetime | None = None  # the first instant at which a decision is late
    reviewed_at: datetime | None = None  # when the last review came in
    ranked_at: datetime | None = None  # when the panel closed
    decided_at: datetime | None = None
    decision: Sentence | None = None  # why, in words
    decided_by: str = ""  # empty: the rules decided
    frozen: Frozen | None = None

    @property
    def submitted(self) -> Frozen:
        """Return what was frozen; only drafts have nothing."""
        assert self.frozen is not None, "only a draft is not frozen"
        return self.frozen


def check_draft(application: Application) -> None:
    """Refuse to change what was submitted, or taken back."""
    if application.state is not ApplicationState.DRAFT:
        raise ApplicationIsFrozen(
            application=application.id,
            submitted_at=application.submitted_at or application.decided_at,
        )


def edit(
    application: Application,
    changes: Mapping[str, object],
    *,
    now: datetime,
    based_on: Mapping[str, object] | None = None,
) -> Application:
    """Return the draft with some answers changed; what is submitted stays as it is.

    `based_on` are the answers that the author of the changes saw: `AnswersDiffer` where somebody
    else has changed the same ones since. Without it, the changes replace what is there.
    """
    check_draft(application)
    seen = read_seen(application.form, based_on or {})
    merged = merge(application.form, changes, seen=seen)
    if merged.differences:
        raise AnswersDiffer(merged.differences)
    return replace(application, form=merged.form, edited_at=now)


def edit_partly(
    application: Application,
    changes: Mapping[str, object],
    *,
    now: datetime,
    seen: Mapping[str, Any],
) -> tuple[Application, tuple[Difference, ...]]:
    """Return the draft with all that nobody else has changed too, and what has to be chosen."""
    check_draft(application)
    merged = merge(application.form, changes, seen=seen)
    if merged.form == application.form:
        return application, merged.differences
    return replace(application, form=merged.form, edited_at=now), merged.differences


def list_findings(
    application: Application,
    *,
    call: Call,
    organisation: Organisation,
    asked: FormKind = FormKind.SHORT,
    barred: Mapping[str, Sentence] | None = None,
) -> tuple[Finding, ...]:
    """Return what is still missing or wrong, section by section."""
    return review(application.form, call, asked=asked, kind=organisation.kind, barred=barred)


def answers_of(application: Application, call: Call) -> Answers:
    """Return what the rules are asked about an application."""
    form = application.form
    return Answers(
        purpose=form.purpose,
        is_civilian=form.is_civilian,
        is_prohibited_practice=form.is_prohibited_practice,
        requested_seconds=form.requested_seconds,
        unit=call.unit,
        experience=form.experience,
        team_countries=form.countries,
        contract_months_after_end=form.contract_months_after_end,
        has_personal_data=form.has_personal_data,
        training_flop=form.training_flop,
        aid_received_cents=form.aid_received_cents,
    )


def submit(
    application: Application,
    *,
    frozen: Frozen,
    now: datetime,
    barred: Mapping[str, Sentence] | None = None,
) -> Application:
    """Freeze the application and hand it in; the rules decide at once where they can.

    FIFO modes count their working days from now, the others from the cut-off.
    """
    check_draft(application)
    call = frozen.call
    check_open(call, now=now)
    check_size(application.form, call)
    findings = list_findings(
        application,
        call=call,
        organisation=frozen.organisation,
        asked=frozen.mode.form,
        barred=barred,
    )
    if findings:
        raise ApplicationIsIncomplete(count=len(findings), first=findings[0].sentence)
    cut_off_at = call.next_cut_off(now)
    submitted = replace(
        application,
        state=ApplicationState.SUBMITTED,
        submitted_at=now,
        cut_off_at=cut_off_at,
        due_at=due_after(
            cut_off_at or now, working_days=call.decision_working_days, land=call.land
        ),
        frozen=frozen,
    )
    verdict = frozen.eligibility.verdict
    if verdict is Verdict.UNRESOLVED:
        return submitted
    reason = frozen.eligibility.first_reason.sentence
    return decide_eligibility(
        submitted, is_eligible=verdict is Verdict.ELIGIBLE, why=reason, now=now
    )


def decide_eligibility(
    application: Application, *, is_eligible: bool, why: Sentence, now: datetime, by: str = ""
) -> Application:
    """Pass the application on to the technical assessment, or end it as ineligible."""
    _check_step(application, ApplicationState.SUBMITTED)
    if is_eligible:
        return _move(application, ApplicationState.TECHNICAL_ASSESSMENT)
    return _end(application, ApplicationState.INELIGIBLE, why=why, now=now, by=by)


def assess(application: Application, *, is_feasible: bool) -> Application:
    """Pass the application on; the assessment is a record of its own.

    What will run goes to the experts where its mode asks them, else to the decision. What will
    not run goes straight to the decision, which can only be a refusal.
    """
    _check_step(application, ApplicationState.TECHNICAL_ASSESSMENT)
    asks_experts = is_feasible and application.submitted.mode.review is not None
    return _move(
        application, ApplicationState.EXPERT_REVIEW if asks_experts else ApplicationState.ASSESSED
    )


def complete_reviews(application: Application, *, now: datetime) -> Application:
    """Pass the application on to the panel: every review is in."""
    _check_step(application, ApplicationState.EXPERT_REVIEW)
    return replace(_move(application, ApplicationState.PANEL), reviewed_at=now)


def reopen_reviews(application: Application) -> Application:
    """Give the application back to the experts, because a review counts no more."""
    assert application.reviewed_at is not None, "only what was reviewed goes back to the experts"
    moved = _move(application, ApplicationState.EXPERT_REVIEW)
    return replace(moved, reviewed_at=None, ranked_at=None)


def close_panel(application: Application, *, now: datetime) -> Application:
    """Pass the ranked application on to the decision."""
    _check_step(application, ApplicationState.PANEL)
    return replace(_move(application, ApplicationState.ASSESSED), ranked_at=now)


def award(application: Application, *, why: Sentence, now: datetime, by: str = "") -> Application:
    """End the application with an award."""
    return _end(application, ApplicationState.AWARDED, why=why, now=now, by=by)


def refuse(application: Application, *, why: Sentence, now: datetime, by: str = "") -> Application:
    """End the application with a refusal."""
    return _end(application, ApplicationState.REFUSED, why=why, now=now, by=by)


def reopen(application: Application, state: ApplicationState, *, due_at: datetime) -> Application:
    """Take a decision back, because an appeal against it was upheld."""
    moved = _move(application, state)
    return replace(moved, decided_at=None, decision=None, decided_by="", due_at=due_at)


def withdraw(application: Application, *, now: datetime) -> Application:
    """Take the application back, at any time before its decision."""
    withdrawn = Sentence("The applicant took the application back.")
    return _end(application, ApplicationState.WITHDRAWN, why=withdrawn, now=now)


def is_late(application: Application, *, now: datetime) -> bool:
    """Say whether the decision came, or is still missing, after its time was over."""
    if application.due_at is None or application.state is ApplicationState.WITHDRAWN:
        return False
    return (application.decided_at or now) >= application.due_at


def _check_step(application: Application, step: ApplicationState) -> None:
    """Refuse a deed of another step: two steps may lead to the same state, but not by one deed."""
    if application.state is not step:
        raise StepIsNotCurrent(
            application=application.id, state=application.state.value, step=step.value
        )


def _move(application: Application, state: ApplicationState) -> Application:
    LIFECYCLE.check_move(application.state, state)
    return replace(application, state=state)


def _end(
    application: Application,
    state: ApplicationState,
    *,
    why: Sentence,
    now: datetime,
    by: str = "",
) -> Application:
    return replace(_move(application, state), decided_at=now, decision=why, decided_by=by)
