"""Applications: from the first draft to the day they are handed in, or taken back."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from allmende.domain.access import applications
from allmende.domain.access.application_forms import ApplicationForm, Finding
from allmende.domain.access.applications import Application, ApplicationState, Frozen
from allmende.domain.access.calls import AccessRules, Call, check_open
from allmende.domain.access.consents import (
    answer_declarations,
    find_publication,
    read_declarations,
)
from allmende.domain.access.copies import copy_answers
from allmende.domain.access.countries import list_barred, name_machine
from allmende.domain.access.edits import Difference
from allmende.domain.access.eligibility import answers_for, decide_for_call
from allmende.domain.access.organisations import Organisation
from allmende.domain.access.snapshots import hash_content, hash_plain, to_plain
from allmende.domain.access.verdicts import EligibilityResult
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.people import Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.permissions import (
    Permission,
    can_do,
    check_member,
    check_permission,
)
from allmende.services import announcements, audit, mergers
from allmende.services.deeds import Deed, one_transaction
from allmende.services.report_bars import check_no_bar
from allmende.storage import applications as store
from allmende.storage import calls as call_store
from allmende.storage import documents as document_store
from allmende.storage import organisations as organisation_store


@one_transaction
def start_application(deed: Deed, *, call_id: str, organisation_id: str) -> Application:
    """Start a draft under a call that is open, or will be."""
    check_permission(deed.actor, Permission.START_APPLICATION)
    check_member(deed.actor, organisation_id, kind="organisation", id=organisation_id)
    organisation_store.get_organisation(organisation_id)
    call = call_store.get_call(call_id)
    form = ApplicationForm(
        unit=call.unit,
        principal_investigator=deed.actor.name,
        principal_investigator_email=deed.actor.email,
    )
    return _start(deed, call, form=form, organisation_id=organisation_id)


@one_transaction
def copy_application(
    deed: Deed, application_id: str, *, call_id: str, rules: AccessRules
) -> Application:
    """Start a draft under a call with the answers of an earlier application of one's own."""
    check_permission(deed.actor, Permission.START_APPLICATION)
    earlier = store.get_application(application_id)
    check_member(deed.actor, earlier.organisation_id, kind="application", id=application_id)
    call = call_store.get_call(call_id)
    form = copy_answers(earlier.form, call=call, asked=rules.get_mode_of(call).form)
    return _start(
        deed, call, form=form, organisation_id=earlier.organisation_id, copy_of=application_id
    )


def _start(
    deed: Deed, call: Call, *, form: ApplicationForm, organisation_id: str, **facts: str
) -> Application:
    mergers.check_not_merged(organisation_id)
    check_open(call, now=max(deed.now, call.opens_at))
    application = Application(
        id=deed.new_id("app"),
        call_id=call.id,
        organisation_id=organisation_id,
        applicant_id=deed.actor.id,
        form=form,
        started_at=deed.now,
        edited_at=deed.now,
    )
    store.save_application(application)
    told: dict[str, Any] = {"call": call.id, **facts}
    audit.record(deed, action="application.started", subject=application.id, **told)
    return application


@one_transaction
def edit_application(
    deed: Deed,
    application_id: str,
    *,
    changes: Mapping[str, object],
    based_on: Mapping[str, object] | None = None,
) -> Application:
    """Change some answers of a draft; what is missing may come later.

    With `based_on`, the answers as the author saw them, nobody else's change is replaced unseen.
    """
    check_permission(deed.actor, Permission.EDIT_APPLICATION)
    application = _lock_own(deed.actor, application_id)
    edited = applications.edit(application, changes, based_on=based_on, now=deed.now)
    return _save_edited(deed, edited, answers=changes)


@one_transaction
def save_answers(
    deed: Deed,
    application_id: str,
    *,
    changes: Mapping[str, object],
    seen: Mapping[str, Any],
) -> tuple[Application, tuple[Difference, ...]]:
    """Save what somebody wrote as far as nobody else has changed the same; return what differs.

    `seen` are the answers that they wrote it over, as plain values.
    """
    check_permission(deed.actor, Permission.EDIT_APPLICATION)
    application = _lock_own(deed.actor, application_id)
    edited, differences = applications.edit_partly(application, changes, seen=seen, now=deed.now)
    if edited is not application:  # leaving a field without a change is no deed
        _save_edited(deed, edited, answers=changes)
    return edited, differences


@one_transaction
def submit_application(deed: Deed, application_id: str, *, rules: AccessRules) -> Application:
    """Hand a draft in: everything it rests on is frozen, and the rules decide at once."""
    check_permission(deed.actor, Permission.SUBMIT_APPLICATION)
    application = _lock_own(deed.actor, application_id)
    if application.state is ApplicationState.DRAFT:
        mergers.check_not_merged(application.organisation_id)
        check_no_bar(application, rules=rules, now=deed.now)
    call = call_store.get_call(application.call_id)
    organisation = organisation_store.get_organisation(application.organisation_id)
    mode = rules.get_mode_of(call)
    consents = answer_declarations(
        application.form,
        read_declarations(call, mode.form, book=rules.book),
        by=deed.actor.id,
        now=deed.now,
    )
    frozen = Frozen(
        call=replace(call, mode=None),  # it stands beside it
        mode=mode,
        organisation=organisation,
        eligibility=decide(application, call, organisation, rules=rules, deed=deed),
        rules_hash=keep_rules_of_day(deed, rules),
        terms_hash=call.terms_hash,
        publication=find_publication(consents),
        declarations=consents,
        documents=document_store.list_documents(application_id),
    )
    barred = _list_barred(application, call, rules=rules, now=deed.now)
    submitted = applications.submit(application, frozen=frozen, now=deed.now, barred=barred)
    store.save_application(submitted)
    audit.record(
        deed,
        action="application.submitted",
        subject=application_id,
        why=frozen.eligibility.first_reason.sentence,
        call=call.id,
        verdict=frozen.eligibility.verdict.value,
        content=hash_content(submitted.form),
        documents=[document.sha256 for document in frozen.documents],
        frozen=hash_content(frozen),
        due_at=submitted.due_at,
    )
    announcements.tell_submitted(deed, submitted, rules=rules)
    return submitted


@one_transaction
def withdraw_application(deed: Deed, application_id: str) -> Application:
    """Take an application back before it is decided."""
    check_permission(deed.actor, Permission.WITHDRAW_APPLICATION)
    withdrawn = applications.withdraw(_lock_own(deed.actor, application_id), now=deed.now)
    store.save_application(withdrawn)
    audit.record(deed, action="application.withdrawn", subject=application_id)
    return withdrawn


def get_application(reader: Person, application_id: str) -> Application:
    """Return an application to its organisation, and to those who may see every one."""
    check_permission(reader, Permission.SEE_APPLICATION)
    application = store.get_application(application_id)
    check_member(
        reader,
        application.organisation_id,
        kind="application",
        id=application_id,
        # A draft is its applicant's alone until it is handed in, also one that was discarded.
        unless=None if application.submitted_at is None else Permission.SEE_EVERY_APPLICATION,
    )
    return application


def list_findings(
    reader: Person, application_id: str, *, rules: AccessRules, now: datetime
) -> tuple[Finding, ...]:
    """Return what is still missing or wrong in a draft, section by section."""
    application = get_application(reader, application_id)
    call = call_store.get_call(application.call_id)
    return applications.list_findings(
        application,
        call=call,
        organisation=organisation_store.get_organisation(application.organisation_id),
        asked=rules.get_mode_of(call).form,
        barred=_list_barred(application, call, rules=rules, now=now),
    )


def _list_barred(
    application: Application, call: Call, *, rules: AccessRules, now: datetime
) -> Mapping[str, Sentence]:
    """Return the countries of the team from which nobody may use the machine of the call."""
    return list_barred(
        application.form.countries,
        machine=name_machine(is_bought_after_2020=call.bought_after_2020),
        book=rules.book,
        on=day_of(now),
    )


def list_applications(
    reader: Person,
    *,
    states: Collection[ApplicationState] = (),
    after: str = "",
    limit: int = 100,
) -> list[Application]:
    """Return a page of applications: one's own, or for the office all but the drafts of others."""
    check_permission(reader, Permission.SEE_APPLICATION)
    if not can_do(reader, Permission.SEE_EVERY_APPLICATION):
        mine = reader.organisation_ids
        return store.list_applications(
            organisation_ids=mine, states=states, after=after, limit=limit
        )
    handed_in = [state for state in ApplicationState if state is not ApplicationState.DRAFT]
    wanted = [state for state in states or handed_in if state in handed_in]
    if not wanted:  # nothing but drafts was asked for
        return []
    return store.list_applications(states=wanted, handed_in=True, after=after, limit=limit)


def list_earlier(reader: Person, *, limit: int = 20) -> list[Application]:
    """Return the applications of one's organisations whose answers can be used again."""
    check_permission(reader, Permission.START_APPLICATION)
    return store.list_latest(reader.organisation_ids, limit=limit)


def keep_rules_of_day(deed: Deed, rules: AccessRules) -> str:
    """Keep the rules in force on the day of a deed, and return the hash that finds them again."""
    in_force = to_plain(rules.book.in_force(day_of(deed.now)))
    rules_hash = hash_plain(in_force)
    call_store.keep_rules(rules_hash, in_force)
    return rules_hash


def decide(
    application: Application,
    call: Call,
    organisation: Organisation,
    *,
    rules: AccessRules,
    deed: Deed,
) -> EligibilityResult:
    """Return the eligibility of an application by what is known of its organisation now."""
    answers = applications.answers_of(application, call)
    on = day_of(deed.now)
    known = answers_for(organisation, answers, book=rules.book, on=on)
    return decide_for_call(known, call, rules=rules, on=on)


def _save_edited(deed: Deed, edited: Application, *, answers: Collection[str]) -> Application:
    store.save_application(edited)
    audit.record(deed, action="application.edited", subject=edited.id, answers=sorted(answers))
    return edited


def _lock_own(person: Person, application_id: str) -> Application:
    application = store.lock_application(application_id)
    check_member(person, application.organisation_id, kind="application", id=application_id)
    return application
