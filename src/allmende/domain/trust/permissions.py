"""What a role may do: one table, asked by every service, route and command.

Three questions are kept apart: may this role do such a thing at all (`check_permission`), is the
record one of the person's own organisation (`check_member`), and does the state of the record
allow it (each subject's lifecycle).
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from allmende.domain.basics.people import Person, Role
from allmende.domain.basics.refusals import NotFound, NotPermitted, Refusal
from allmende.domain.basics.sentences import Sentence


class Permission(StrEnum):
    """One for each kind of deed and each kind of reading; API tokens name them too."""

    # Everybody, signed in or not.
    SEE_FACTORY = "factory.see"
    SEE_MODEL = "models.see"  # each model's owner says to whom it is open
    SEE_PROMISES = "promises.see"
    CHECK_ELIGIBILITY = "eligibility.check"

    # Oneself.
    SEE_SELF = "self.see"
    EDIT_SELF = "self.edit"
    MANAGE_TOKENS = "tokens.manage"

    # Organisations, applications, projects: one's own, unless SEE_EVERY_… is held.
    REGISTER_ORGANISATION = "organisations.register"
    SEE_ORGANISATION = "organisations.see"
    EDIT_ORGANISATION = "organisations.edit"
    SEE_EVERY_ORGANISATION = "organisations.see_every"
    MERGE_ORGANISATIONS = "organisations.merge"
    START_APPLICATION = "applications.start"
    SEE_APPLICATION = "applications.see"
    EDIT_APPLICATION = "applications.edit"
    SUBMIT_APPLICATION = "applications.submit"
    WITHDRAW_APPLICATION = "applications.withdraw"
    SEE_EVERY_APPLICATION = "applications.see_every"
    OPEN_CALL = "calls.open"
    SEE_MODES = "modes.see"
    EDIT_MODES = "modes.edit"
    ASSESS_APPLICATION = "applications.assess"
    AWARD_APPLICATION = "applications.award"
    REFUSE_APPLICATION = "applications.refuse"
    ANSWER_REVIEWS = "reviews.answer"
    FILE_APPEAL = "appeals.file"
    SEE_APPEAL = "appeals.see"
    ANSWER_APPEAL = "appeals.answer"
    ACCEPT_AWARD = "awards.accept"
    SEE_AID = "aid.see"
    REGISTER_AID = "aid.register"
    SEE_FIGURES = "figures.see"
    SEE_REVIEW = "reviews.see"
    WRITE_REVIEW = "reviews.write"
    MANAGE_REVIEWS = "reviews.manage"
    SEE_PANEL = "panels.see"
    SEE_PROJECT = "projects.see"
    MANAGE_MEMBERS = "projects.manage_members"
    TICK_ONBOARDING = "projects.tick_onboarding"
    SEE_EVERY_PROJECT = "projects.see_every"
    ASK_FOR_CHANGE = "projects.ask_for_change"
    ANSWER_CHANGE = "projects.answer_change"
    SUSPEND_PROJECT = "projects.suspend"
    RESUME_PROJECT = "projects.resume"
    END_PROJECT = "projects.end"
    WRITE_REPORT = "reports.write"
    SEE_REPORTS = "reports.see"
    DECIDE_REPORT = "reports.decide"

    # Compute time.
    SEE_BUDGET = "budgets.see"
    HOLD_TIME = "budgets.hold"
    SETTLE_TIME = "budgets.settle"
    REFUND_TIME = "budgets.refund"
    CHANGE_BUDGET = "budgets.change"
    OPEN_POOL = "pools.open"
    SEE_LEDGER = "ledger.see"

    # Jobs and what they leave behind.
    SUBMIT_JOB = "jobs.submit"
    SEE_JOB = "jobs.see"
    CANCEL_JOB = "jobs.cancel"
    STOP_JOB = "jobs.stop"
    RUN_JOB_AGAIN = "jobs.run_again"
    SEE_EVERY_JOB = "jobs.see_every"
    CANCEL_EVERY_JOB = "jobs.cancel_every"
    MANAGE_MODEL = "models.manage"

    # Running the machine.
    RUN_CYCLE = "cycle.run"
    RECORD_USAGE = "usage.record"
    MANAGE_NODES = "nodes.manage"
    SEE_METRICS = "metrics.see"
    REPORT_INCIDENT = "incidents.report"
    RESERVE_NODES = "nodes.reserve"
    SEE_RESERVATION = "reservations.see"
    SEE_CLUSTER_ACCOUNTS = "cluster_accounts.see"
    MANAGE_CLUSTER_ACCOUNTS = "cluster_accounts.manage"
    SEE_CLUSTER_POLICY = "cluster_policy.see"
    APPLY_CLUSTER_POLICY = "cluster_policy.apply"

    SEE_AGENTS = "agents.see"
    MANAGE_AGENTS = "agents.manage"

    # People and proof.
    SEE_PEOPLE = "people.see"
    MANAGE_PEOPLE = "people.manage"
    CONFIGURE_FACTORY = "factory.configure"
    READ_AUDIT = "audit.read"
    EXPORT_EVIDENCE = "evidence.export"
    SEE_WHAT_IF = "what_if.see"
    SEE_MAIL = "mail.see"
    RETRY_MAIL = "mail.retry"
    SEND_MAIL = "mail.send"


_APPLICANT, _OPERATOR = Role.APPLICANT, Role.OPERATOR
_OFFICER, _AUDITOR = Role.PROGRAMME_OFFICER, Role.AUDITOR
_ADMINISTRATOR, _SYSTEM = Role.ADMINISTRATOR, Role.SYSTEM
_EVERY_ROLE = frozenset(Role)
_APPLICANTS = frozenset({_APPLICANT, _SYSTEM})
_STAFF = frozenset({_OPERATOR, _OFFICER, _AUDITOR, _SYSTEM})
_OFFICE = frozenset({_OFFICER, _SYSTEM})
_OPERATIONS = frozenset({_OPERATOR, _SYSTEM})
_READERS = _STAFF | {_APPLICANT}
_REVIEWERS = frozenset({Role.REVIEWER})
_PROOF = frozenset({_AUDITOR, _SYSTEM})

# Nobody needs a role for these.
PUBLIC_PERMISSIONS = frozenset(
    {
        Permission.SEE_FACTORY,
        Permission.SEE_MODEL,
        Permission.SEE_PROMISES,
        Permission.CHECK_ELIGIBILITY,
    }
)

# The administrator gives roles and decides nothing else: who may give power does not use it.
ROLES: Mapping[Permission, frozenset[Role]] = MappingProxyType(
    {
        Permission.SEE_FACTORY: _EVERY_ROLE,
        Permission.SEE_MODEL: _EVERY_ROLE,
        Permission.SEE_PROMISES: _EVERY_ROLE,
        Permission.CHECK_ELIGIBILITY: _EVERY_ROLE,
        Permission.SEE_SELF: _EVERY_ROLE,
        Permission.EDIT_SELF: _EVERY_ROLE,
        Permission.MANAGE_TOKENS: _EVERY_ROLE,
        Permission.REGISTER_ORGANISATION: _APPLICANTS | {_ADMINISTRATOR},
        Permission.SEE_ORGANISATION: _READERS | {_ADMINISTRATOR},
        Permission.EDIT_ORGANISATION: _APPLICANTS,
        Permission.SEE_EVERY_ORGANISATION: _STAFF | {_ADMINISTRATOR},
        Permission.MERGE_ORGANISATIONS: frozenset({_OFFICER}),
        Permission.START_APPLICATION: _APPLICANTS,
        Permission.SEE_APPLICATION: _READERS,
        Permission.EDIT_APPLICATION: _APPLICANTS,
        Permission.SUBMIT_APPLICATION: _APPLICANTS,
        Permission.WITHDRAW_APPLICATION: _APPLICANTS,
        Permission.SEE_EVERY_APPLICATION: _STAFF,
        Permission.OPEN_CALL: _OFFICE,
        Permission.SEE_MODES: frozenset({_OFFICER, _AUDITOR}),
        Permission.EDIT_MODES: frozenset({_OFFICER}),
        Permission.ASSESS_APPLICATION: frozenset({_OFFICER, _OPERATOR}),
        Permission.AWARD_APPLICATION: frozenset({_OFFICER}),
        Permission.REFUSE_APPLICATION: frozenset({_OFFICER}),
        Permission.ANSWER_REVIEWS: _APPLICANTS,
        Permission.FILE_APPEAL: _APPLICANTS,
        Permission.SEE_APPEAL: frozenset({_OFFICER, _AUDITOR}),
        Permission.ANSWER_APPEAL: frozenset({_OFFICER}),
        Permission.ACCEPT_AWARD: _APPLICANTS,
        Permission.SEE_AID: frozenset({_OFFICER, _AUDITOR, _SYSTEM}),
        Permission.REGISTER_AID: frozenset({_OFFICER}),
        Permission.SEE_FIGURES: frozenset({_OFFICER, _AUDITOR, _SYSTEM}),
        Permission.SEE_REVIEW: _REVIEWERS,
        Permission.WRITE_REVIEW: _REVIEWERS,
        Permission.MANAGE_REVIEWS: frozenset({_OFFICER}),
        Permission.SEE_PANEL: frozenset({_OFFICER, _AUDITOR}),
        Permission.SEE_PROJECT: _READERS,
        Permission.MANAGE_MEMBERS: _APPLICANTS,
        Permission.TICK_ONBOARDING: _APPLICANTS | {_OFFICER},
        Permission.SEE_EVERY_PROJECT: _STAFF,
        Permission.ASK_FOR_CHANGE: _APPLICANTS,
        Permission.ANSWER_CHANGE: frozenset({_OFFICER}),
        Permission.SUSPEND_PROJECT: _OFFICE | {_OPERATOR},
        Permission.RESUME_PROJECT: _OFFICE | {_OPERATOR},
        Permission.END_PROJECT: _OFFICE,
        Permission.WRITE_REPORT: _APPLICANTS,
        Permission.SEE_REPORTS: _STAFF,
        Permission.DECIDE_REPORT: frozenset({_OFFICER}),
        Permission.SEE_BUDGET: _READERS,
        Permission.HOLD_TIME: _APPLICANTS,
        Permission.SETTLE_TIME: _APPLICANTS | _OPERATIONS,
        Permission.REFUND_TIME: _OPERATIONS | {_OFFICER},
        Permission.CHANGE_BUDGET: _OFFICE,
        Permission.OPEN_POOL: _OFFICE,
        Permission.SEE_LEDGER: frozenset({_OFFICER, _AUDITOR, _SYSTEM}),
        Permission.SUBMIT_JOB: _APPLICANTS,
        Permission.SEE_JOB: _READERS,
        Permission.CANCEL_JOB: _APPLICANTS | _OPERATIONS,
        Permission.STOP_JOB: _APPLICANTS | _OPERATIONS,
        Permission.RUN_JOB_AGAIN: _APPLICANTS,
        Permission.SEE_EVERY_JOB: _STAFF,
        Permission.CANCEL_EVERY_JOB: _OPERATIONS,
        Permission.MANAGE_MODEL: _APPLICANTS,
        Permission.RUN_CYCLE: frozenset({_SYSTEM}),
        Permission.RECORD_USAGE: frozenset({_SYSTEM}),
        Permission.MANAGE_NODES: _OPERATIONS,
        Permission.SEE_METRICS: _OPERATIONS,
        Permission.REPORT_INCIDENT: _OPERATIONS,
        Permission.RESERVE_NODES: frozenset({_OPERATOR, _OFFICER}),
        Permission.SEE_RESERVATION: _READERS,
        Permission.SEE_CLUSTER_ACCOUNTS: _OPERATIONS | {_AUDITOR},
        Permission.MANAGE_CLUSTER_ACCOUNTS: frozenset({_OPERATOR}),
        Permission.SEE_CLUSTER_POLICY: _OPERATIONS | {_AUDITOR},
        Permission.APPLY_CLUSTER_POLICY: _OPERATIONS,
        Permission.SEE_AGENTS: frozenset({_OPERATOR, _AUDITOR, _ADMINISTRATOR}),
        # An agent is let in as a person is: by whoever runs the machines, or gives the roles.
        Permission.MANAGE_AGENTS: frozenset({_OPERATOR, _ADMINISTRATOR}),
        Permission.SEE_PEOPLE: frozenset({_ADMINISTRATOR, _AUDITOR, _SYSTEM}),
        Permission.MANAGE_PEOPLE: frozenset({_ADMINISTRATOR, _SYSTEM}),
        Permission.CONFIGURE_FACTORY: frozenset({_ADMINISTRATOR, _OPERATOR, _SYSTEM}),
        Permission.READ_AUDIT: _PROOF,
        Permission.EXPORT_EVIDENCE: _PROOF,
        Permission.SEE_WHAT_IF: _STAFF,
        # Who gets which mail tells who reviews what.
        Permission.SEE_MAIL: frozenset({_OFFICER, _AUDITOR}),
        Permission.RETRY_MAIL: frozenset({_OFFICER}),
        Permission.SEND_MAIL: frozenset({_SYSTEM}),
    }
)

DEED_WORDS: Mapping[Permission, Sentence] = MappingProxyType(
    {
        Permission.SEE_FACTORY: Sentence("see the factory"),
        Permission.SEE_MODEL: Sentence("see a model"),
        Permission.SEE_PROMISES: Sentence("see the promises"),
        Permission.CHECK_ELIGIBILITY: Sentence("check eligibility"),
        Permission.SEE_SELF: Sentence("see your own account"),
        Permission.EDIT_SELF: Sentence("change your own account"),
        Permission.MANAGE_TOKENS: Sentence("manage your own tokens"),
        Permission.REGISTER_ORGANISATION: Sentence("register an organisation"),
        Permission.SEE_ORGANISATION: Sentence("see an organisation"),
        Permission.EDIT_ORGANISATION: Sentence("change an organisation's figures"),
        Permission.SEE_EVERY_ORGANISATION: Sentence("see every organisation"),
        Permission.MERGE_ORGANISATIONS: Sentence("record that organisations merged"),
        Permission.START_APPLICATION: Sentence("start an application"),
        Permission.SEE_APPLICATION: Sentence("see an application"),
        Permission.EDIT_APPLICATION: Sentence("change an application"),
        Permission.SUBMIT_APPLICATION: Sentence("submit an application"),
        Permission.WITHDRAW_APPLICATION: Sentence("withdraw an application"),
        Permission.SEE_EVERY_APPLICATION: Sentence("see every application"),
        Permission.OPEN_CALL: Sentence("open a call"),
        Permission.SEE_MODES: Sentence("see who wrote the access modes"),
        Permission.EDIT_MODES: Sentence("write a new version of an access mode"),
        Permission.ASSESS_APPLICATION: Sentence("record a technical assessment"),
        Permission.AWARD_APPLICATION: Sentence("award compute time"),
        Permission.REFUSE_APPLICATION: Sentence("refuse an application"),
        Permission.ANSWER_REVIEWS: Sentence("answer the reviews of an application"),
        Permission.FILE_APPEAL: Sentence("appeal against a decision"),
        Permission.SEE_APPEAL: Sentence("see every appeal"),
        Permission.ANSWER_APPEAL: Sentence("answer an appeal"),
        Permission.ACCEPT_AWARD: Sentence("accept the condition of an award"),
        Permission.SEE_AID: Sentence("see the State aid that was granted"),
        Permission.REGISTER_AID: Sentence("note the registration of State aid"),
        Permission.SEE_FIGURES: Sentence("see the figures of the programme"),
        Permission.SEE_REVIEW: Sentence("see your reviews"),
        Permission.WRITE_REVIEW: Sentence("review an application"),
        Permission.MANAGE_REVIEWS: Sentence("invite reviewers and close a panel"),
        Permission.SEE_PANEL: Sentence("see a panel"),
        Permission.SEE_PROJECT: Sentence("see a project"),
        Permission.MANAGE_MEMBERS: Sentence("change the members of a project"),
        Permission.TICK_ONBOARDING: Sentence("tick a step of an onboarding"),
        Permission.SEE_EVERY_PROJECT: Sentence("see every project"),
        Permission.ASK_FOR_CHANGE: Sentence("ask for more months or hours"),
        Permission.ANSWER_CHANGE: Sentence("give a project more months or hours"),
        Permission.SUSPEND_PROJECT: Sentence("suspend a project"),
        Permission.RESUME_PROJECT: Sentence("resume a project"),
        Permission.END_PROJECT: Sentence("end a project"),
        Permission.WRITE_REPORT: Sentence("write the report of a project"),
        Permission.SEE_REPORTS: Sentence("see the reports of every project"),
        Permission.DECIDE_REPORT: Sentence("decide on the report of a project"),
        Permission.SEE_BUDGET: Sentence("see a budget"),
        Permission.HOLD_TIME: Sentence("hold compute time"),
        Permission.SETTLE_TIME: Sentence("settle compute time"),
        Permission.REFUND_TIME: Sentence("refund compute time"),
        Permission.CHANGE_BUDGET: Sentence("change a budget"),
        Permission.OPEN_POOL: Sentence("open a pool of compute time"),
        Permission.SEE_LEDGER: Sentence("see the whole ledger"),
        Permission.SUBMIT_JOB: Sentence("submit a job"),
        Permission.SEE_JOB: Sentence("see a job"),
        Permission.CANCEL_JOB: Sentence("cancel a job"),
        Permission.STOP_JOB: Sentence("stop a job"),
        Permission.RUN_JOB_AGAIN: Sentence("run a job again"),
        Permission.SEE_EVERY_JOB: Sentence("see every job"),
        Permission.CANCEL_EVERY_JOB: Sentence("cancel the jobs of others"),
        Permission.MANAGE_MODEL: Sentence("share a model or delete its files"),
        Permission.RUN_CYCLE: Sentence("run the scheduler"),
        Permission.RECORD_USAGE: Sentence("record usage"),
        Permission.MANAGE_NODES: Sentence("take nodes out of service"),
        Permission.REPORT_INCIDENT: Sentence("report an incident"),
        Permission.SEE_METRICS: Sentence("read the figures for monitoring"),
        Permission.RESERVE_NODES: Sentence("announce or cancel a reservation"),
        Permission.SEE_RESERVATION: Sentence("see the reservations"),
        Permission.SEE_CLUSTER_ACCOUNTS: Sentence("see who is which user at a site"),
        Permission.MANAGE_CLUSTER_ACCOUNTS: Sentence("say who is which user at a site"),
        Permission.SEE_CLUSTER_POLICY: Sentence("see the policy of a cluster"),
        Permission.APPLY_CLUSTER_POLICY: Sentence("apply the policy to a cluster"),
        Permission.SEE_AGENTS: Sentence("see the site agents"),
        Permission.MANAGE_AGENTS: Sentence("let in or send away a site agent"),
        Permission.SEE_PEOPLE: Sentence("see the people"),
        Permission.MANAGE_PEOPLE: Sentence("give and take roles"),
        Permission.CONFIGURE_FACTORY: Sentence("configure the factory"),
        Permission.READ_AUDIT: Sentence("read the audit trail"),
        Permission.EXPORT_EVIDENCE: Sentence("export the evidence"),
        Permission.SEE_WHAT_IF: Sentence("ask what would be under other shares"),
        Permission.SEE_MAIL: Sentence("see the e-mails to others"),
        Permission.RETRY_MAIL: Sentence("send an e-mail again"),
        Permission.SEND_MAIL: Sentence("send what waits in the queue"),
    }
)

ROLE_WORDS: Mapping[Role, Sentence] = MappingProxyType(
    {
        Role.APPLICANT: Sentence("applicant"),
        Role.REVIEWER: Sentence("reviewer"),
        Role.OPERATOR: Sentence("operator"),
        Role.PROGRAMME_OFFICER: Sentence("programme officer"),
        Role.AUDITOR: Sentence("auditor"),
        Role.ADMINISTRATOR: Sentence("administrator"),
        Role.SYSTEM: Sentence("the system itself"),
    }
)


class ReviewerFromOutside(Refusal):
    """A reviewer comes from outside the office: nobody is a reviewer and {role} at once. Take the
    other role first."""


def check_roles_together(roles: frozenset[Role]) -> None:
    """Refuse a reviewer who could open, by another role, the files that a conflict closes."""
    others = sorted(roles & ROLES[Permission.SEE_EVERY_APPLICATION])
    if Role.REVIEWER in roles and others:
        raise ReviewerFromOutside(role=ROLE_WORDS[others[0]])


def can_do(person: Person, permission: Permission) -> bool:
    """Say whether one of the person's roles has the permission."""
    return permission in PUBLIC_PERMISSIONS or person.has_role(*ROLES[permission])


def check_permission(person: Person, permission: Permission) -> None:
    """Refuse a person none of whose roles has the permission."""
    if not can_do(person, permission):
        raise NotPermitted(deed=DEED_WORDS[permission], roles=_words_of(ROLES[permission]))


def is_member(person: Person, organisation_id: str) -> bool:
    """Say whether the person belongs to the organisation."""
    return organisation_id in person.organisation_ids


def can_see(person: Person, organisation_id: str, *, unless: Permission) -> bool:
    """Say whether a record is the person's own, or a role lets them see all of its kind."""
    return is_member(person, organisation_id) or can_do(person, unless)


# Acting on a record takes `check_member` without `unless`: staff see everything, but act only
# through permissions of their own. A foreign record does not exist for those who may not see it.
def check_member(
    person: Person,
    organisation_id: str,
    *,
    kind: str,
    id: str,  # noqa: A002 - the word of the refusal
    unless: Permission | None = None,
) -> None:
    """Refuse, as if there were no such record, somebody from outside the organisation."""
    if is_member(person, organisation_id):
        return
    if unless is None or not can_do(person, unless):
        raise NotFound(kind=kind, id=id)


def list_permissions(person: Person) -> frozenset[Permission]:
    """Return everything that the person's roles allow."""
    return frozenset(permission for permission in Permission if can_do(person, permission))


def _words_of(roles: frozenset[Role]) -> Sentence:
    people = sorted(roles - {Role.SYSTEM}) or [Role.SYSTEM]
    words = ROLE_WORDS[people[0]]
    for role in people[1:]:
        words = Sentence("{one} or {other}", {"one": words, "other": ROLE_WORDS[role]})
    return words
