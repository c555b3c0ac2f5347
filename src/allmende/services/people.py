"""People: how they come in, what roles they have, and to which organisations they belong."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from allmende.domain.basics.people import LANGUAGES, PUBLIC, Person, Role
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.trust.permissions import (
    Permission,
    can_do,
    check_member,
    check_permission,
    check_roles_together,
)
from allmende.domain.trust.tokens import digest_of
from allmende.services import audit
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import people as store

ADMIN_LINK_LIFE = timedelta(hours=24)


class EmailIsTaken(Refusal):
    """Somebody is registered with this e-mail address already. Sign in, or use another address."""


class EmailIsWrong(Refusal):
    """{email} is no e-mail address. It needs one @, with something on both sides."""

    status = 422


class NameIsMissing(Refusal):
    """A person needs a name. Enter one."""

    status = 422


class PasswordIsWeak(Refusal):
    """This password will not do: {problem}"""

    status = 422


class RoleIsNotGiven(Refusal):
    """The role {role} belongs to the programme itself and is given to nobody."""

    status = 422


class LanguageIsUnknown(Refusal):
    """{language} is none of our languages. Choose one of: {choices}."""

    status = 422


class LastAdministrator(Refusal):
    """{name} is the last administrator. Give somebody else the role first."""


class AdminLinkIsUsed(Refusal):
    """This link was used, replaced or has expired. Run `allmende person admin-link` for another."""


class LastOfOrganisation(Refusal):
    """{name} is the last member of this organisation. Add somebody else first."""


@dataclass(frozen=True, kw_only=True)
class NewPerson:
    """What somebody says about themselves; the password goes on to Django and nowhere else."""

    name: str
    email: str
    password: str | None = field(default=None, repr=False)
    language: str = ""  # of letters and e-mails; empty: English


@one_transaction
def sign_up(deed: Deed, *, name: str, email: str, login_id: int, language: str = "") -> Person:
    """Make the person behind a login that has just been created: an applicant."""
    new = NewPerson(name=name, email=email, language=language)
    person = _create(deed, new, roles=frozenset({Role.APPLICANT}))
    store.connect_login(person.id, login_id=login_id)
    itself = replace(deed, actor=person)
    audit.record(itself, action="person.signed_up", subject=person.id)
    return person


@one_transaction
def register_person(
    deed: Deed, *, new: NewPerson, roles: frozenset[Role] = frozenset({Role.APPLICANT})
) -> Person:
    """Register somebody else, with a login."""
    check_permission(deed.actor, Permission.MANAGE_PEOPLE)
    _check_roles(roles)
    person = _create(deed, new, roles=roles)
    store.create_login(person.id, email=person.email, password=new.password)
    audit.record(deed, action="person.registered", subject=person.id, roles=sorted(roles))
    return person


def get_person(person_id: str) -> Person:
    """Return a person, for the entry points: whoever they let in acts as this person."""
    return store.get_person(person_id)


def get_person_by_name(name: str) -> Person:
    """Return the person with this id or e-mail address, for the command line."""
    found = store.find_person_by_email(name) if "@" in name else None
    return found or store.get_person(name)


def find_person_by_login(login_id: int) -> Person | None:
    """Return the person behind a login; None for a login that belongs to nobody."""
    return store.find_person_by_login(login_id)


def find_person_by_email(reader: Person, email: str) -> Person | None:
    """Return the person with this e-mail address."""
    check_permission(reader, Permission.SEE_PEOPLE)
    return store.find_person_by_email(email)


def get_person_of(reader: Person, person_id: str) -> Person:
    """Return another person, to those who may see people."""
    check_permission(reader, Permission.SEE_PEOPLE)
    return store.get_person(person_id)


def list_people(reader: Person, *, after: str = "", limit: int = 100) -> list[Person]:
    """Return a page of people."""
    check_permission(reader, Permission.SEE_PEOPLE)
    return store.list_people(after=after, limit=limit)


def list_members(reader: Person, organisation_id: str) -> list[Person]:
    """Return the people of an organisation, to its members and to those who may see people."""
    if organisation_id not in reader.organisation_ids and not can_do(reader, Permission.SEE_PEOPLE):
        raise NotFound(kind="organisation", id=organisation_id)
    return store.list_members(organisation_id)


@one_transaction
def give_role(deed: Deed, *, person_id: str, role: Role) -> Person:
    """Give a person a role; giving it again changes nothing."""
    check_permission(deed.actor, Permission.MANAGE_PEOPLE)
    _check_roles(frozenset({role}))
    person = store.get_person(person_id)
    if role in person.roles:
        return person
    check_roles_together(person.roles | {role})
    return _change_roles(deed, person, person.roles | {role}, action="person.role_given")


@one_transaction
def take_role(deed: Deed, *, person_id: str, role: Role) -> Person:
    """Take a role from a person; the last administrator keeps theirs."""
    check_permission(deed.actor, Permission.MANAGE_PEOPLE)
    person = store.get_person(person_id)
    if role not in person.roles:
        return person
    if role is Role.ADMINISTRATOR and not store.has_administrator(besides=person_id):
        raise LastAdministrator(name=person.name)
    return _change_roles(deed, person, person.roles - {role}, action="person.role_taken")


@one_transaction
def choose_language(deed: Deed, language: str) -> Person:
    """Choose the language of letters and e-mails to oneself; again, it changes nothing."""
    check_permission(deed.actor, Permission.EDIT_SELF)
    _check_language(language)
    person = store.get_person(deed.actor.id)
    if person.language == language:
        return person
    changed = replace(person, language=language)
    store.save_person(changed)
    audit.record(deed, action="person.language_chosen", subject=person.id, language=language)
    return changed


@one_transaction
def join_organisation(deed: Deed, *, person_id: str, organisation_id: str) -> Person:
    """Make a person a member: the founder comes first, then members bring others in.

    An organisation keeps its last member, so that nobody can take over one that was left.
    """
    person = store.get_person(person_id)
    if organisation_id in person.organisation_ids:
        return person
    founds = person_id == deed.actor.id and not store.list_members(organisation_id)
    if not founds:
        check_member(
            deed.actor,
            organisation_id,
            kind="organisation",
            id=organisation_id,
            unless=Permission.MANAGE_PEOPLE,
        )
    store.add_member(person_id, organisation_id)
    audit.record(deed, action="person.joined", subject=person_id, organisation=organisation_id)
    return store.get_person(person_id)


@one_transaction
def add_member(deed: Deed, *, person_id: str, organisation_id: str) -> Person:
    """Bring somebody into an organisation of one's own."""
    check_permission(deed.actor, Permission.EDIT_ORGANISATION)
    check_member(deed.actor, organisation_id, kind="organisation", id=organisation_id)
    # Nobody decides on their own organisation, so nobody may make a decider their colleague.
    if can_do(store.get_person(person_id), Permission.SEE_EVERY_APPLICATION):
        raise NotFound(kind="person", id=person_id)
    return join_organisation(deed, person_id=person_id, organisation_id=organisation_id)


@one_transaction
def leave_organisation(deed: Deed, *, person_id: str, organisation_id: str) -> Person:
    """End a membership: one's own, or that of another by an administrator."""
    person = store.get_person(person_id)
    if person_id != deed.actor.id:
        check_permission(deed.actor, Permission.MANAGE_PEOPLE)
    if organisation_id not in person.organisation_ids:
        return person
    if len(store.list_members(organisation_id)) == 1:
        raise LastOfOrganisation(name=person.name)
    store.remove_member(person_id, organisation_id)
    audit.record(deed, action="person.left", subject=person_id, organisation=organisation_id)
    return store.get_person(person_id)


@one_transaction
def create_admin_link(deed: Deed, *, secret: str) -> datetime:
    """Let whoever has this secret become an administrator, once, until the instant returned."""
    check_permission(deed.actor, Permission.MANAGE_PEOPLE)
    expires_at = deed.now + ADMIN_LINK_LIFE
    store.save_admin_link(digest_of(secret), expires_at=expires_at)
    audit.record(deed, action="person.admin_link_made", subject="admin-link")
    return expires_at


def check_admin_link(secret: str, *, now: datetime) -> None:
    """Refuse a link that would not work."""
    if not store.can_use_admin_link(digest_of(secret), now=now):
        raise AdminLinkIsUsed


@one_transaction
def claim_admin_link(deed: Deed, *, secret: str, new: NewPerson) -> Person:
    """Become an administrator by the one-time link."""
    if not store.use_admin_link(digest_of(secret), now=deed.now):
        raise AdminLinkIsUsed
    person = _create(deed, new, roles=frozenset({Role.ADMINISTRATOR}))
    store.create_login(person.id, email=person.email, password=new.password)
    itself = replace(deed, actor=person)
    audit.record(itself, action="person.admin_link_claimed", subject=person.id)
    return person


def has_administrator() -> bool:
    """Say whether this installation has an administrator."""
    return store.has_administrator(besides=PUBLIC.id)


def _create(deed: Deed, new: NewPerson, *, roles: frozenset[Role]) -> Person:
    name, email = new.name.strip(), new.email.strip().lower()
    if not name:
        raise NameIsMissing
    before, at, after = email.partition("@")
    if not (before and at and after) or "@" in after or " " in email:
        raise EmailIsWrong(email=new.email)
    if store.find_person_by_email(email) is not None:
        raise EmailIsTaken
    problem = store.find_password_problem(new.password) if new.password is not None else None
    if problem is not None:
        raise PasswordIsWeak(problem=problem)
    language = new.language or LANGUAGES[0]
    _check_language(language)
    person = Person(id=deed.new_id("p"), name=name, email=email, roles=roles, language=language)
    store.save_person(person)
    return person


def _check_language(language: str) -> None:
    if language not in LANGUAGES:
        raise LanguageIsUnknown(language=language, choices=", ".join(LANGUAGES))


def _check_roles(roles: frozenset[Role]) -> None:
    if Role.SYSTEM in roles:
        raise RoleIsNotGiven(role=Role.SYSTEM.value)
    check_roles_together(roles)


def _change_roles(deed: Deed, person: Person, roles: frozenset[Role], *, action: str) -> Person:
    changed = replace(person, roles=roles)
    store.save_person(changed)
    audit.record(deed, action=action, subject=person.id, roles=sorted(roles))
    return changed
