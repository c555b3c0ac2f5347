"""People: how they come in, what roles they have, to which organisations they belong."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User

from allmende.domain.basics.people import PUBLIC, Person, Role
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.services import people
from allmende.services.deeds import Deed
from allmende.services.people import NewPerson
from allmende.storage import audit as audit_store
from allmende.wiring import new_id

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ADMINISTRATOR = Person(id="p-admin", name="Ada", roles=frozenset({Role.ADMINISTRATOR}))
PASSWORD = "correct horse battery staple"


def a_deed(actor: Person = ADMINISTRATOR, *, now: datetime = NOW) -> Deed:
    return Deed(actor=actor, now=now, new_id=new_id)


def register(email: str = "mina@example.org", **more: object) -> Person:
    new = NewPerson(name="Mina", email=email, password=PASSWORD)
    return people.register_person(a_deed(), new=new, **more)


def test_register_makes_a_person_who_can_sign_in():
    person = register("Mina@Example.org")
    login = authenticate(username=person.id, password=PASSWORD)
    assert person.email == "mina@example.org"
    assert people.find_person_by_login(login.pk) == person == people.get_person(person.id)
    assert people.get_person_by_name("MINA@example.org") == person
    assert people.get_person_by_name(person.id) == person


def test_the_password_reaches_nobody_but_django():
    new = NewPerson(name="Mina", email="mina@example.org", password=PASSWORD)
    person = people.register_person(a_deed(), new=new)
    assert PASSWORD not in repr(new)
    assert PASSWORD not in User.objects.get(username=person.id).password
    assert PASSWORD not in str(audit_store.list_events())


def test_register_takes_an_administrator():
    nobody = Person(id="p-x", name="X", roles=frozenset({Role.APPLICANT}))
    with pytest.raises(NotPermitted):
        people.register_person(a_deed(nobody), new=NewPerson(name="M", email="m@example.org"))


@pytest.mark.parametrize("email", ["", "mina", "@example.org", "mina@", "a@b@c", "a b@c.org"])
def test_a_wrong_address_is_refused(email):
    with pytest.raises(people.EmailIsWrong):
        register(email)


def test_an_address_belongs_to_one_person_however_it_is_written():
    register("mina@example.org")
    with pytest.raises(people.EmailIsTaken):
        register("MINA@example.org")


def test_a_name_is_needed_and_a_weak_password_is_refused():
    with pytest.raises(people.NameIsMissing):
        people.register_person(a_deed(), new=NewPerson(name=" ", email="m@example.org"))
    weak = NewPerson(name="M", email="m@example.org", password="password")
    with pytest.raises(people.PasswordIsWeak):
        people.register_person(a_deed(), new=weak)
    assert people.list_people(ADMINISTRATOR) == []


def test_sign_up_makes_an_applicant_and_says_so_in_the_audit():
    login = User.objects.create_user("new", "new@example.org", PASSWORD)
    person = people.sign_up(a_deed(PUBLIC), name="Noa", email="new@example.org", login_id=login.pk)
    assert person.roles == {Role.APPLICANT}
    assert people.find_person_by_login(login.pk) == person
    events = audit_store.list_events()
    assert [(e.actor_id, e.action) for e in events] == [(person.id, "person.signed_up")]


def test_a_login_without_person_is_nobody():
    assert people.find_person_by_login(4711) is None


def test_roles_are_given_and_taken_by_administrators():
    person = register()
    reviewer = people.give_role(a_deed(), person_id=person.id, role=Role.REVIEWER)
    assert reviewer.roles == {Role.APPLICANT, Role.REVIEWER}
    assert people.give_role(a_deed(), person_id=person.id, role=Role.REVIEWER) == reviewer
    assert people.take_role(a_deed(), person_id=person.id, role=Role.REVIEWER) == person
    assert people.take_role(a_deed(), person_id=person.id, role=Role.REVIEWER) == person
    with pytest.raises(NotPermitted):
        people.give_role(a_deed(person), person_id=person.id, role=Role.ADMINISTRATOR)


def test_nobody_is_the_system():
    person = register()
    with pytest.raises(people.RoleIsNotGiven):
        people.give_role(a_deed(), person_id=person.id, role=Role.SYSTEM)
    with pytest.raises(people.RoleIsNotGiven):
        register("s@example.org", roles=frozenset({Role.SYSTEM}))


def test_the_last_administrator_keeps_the_role():
    one = register("one@example.org", roles=frozenset({Role.ADMINISTRATOR}))
    with pytest.raises(people.LastAdministrator):
        people.take_role(a_deed(), person_id=one.id, role=Role.ADMINISTRATOR)
    register("two@example.org", roles=frozenset({Role.ADMINISTRATOR}))
    taken = people.take_role(a_deed(), person_id=one.id, role=Role.ADMINISTRATOR)
    assert taken.roles == frozenset()


def test_the_founder_joins_first_and_members_bring_others():
    founder, friend, stranger = (register(f"{n}@example.org") for n in "abc")
    founder = people.join_organisation(a_deed(founder), person_id=founder.id, organisation_id="o-1")
    with pytest.raises(NotFound):
        people.join_organisation(a_deed(stranger), person_id=stranger.id, organisation_id="o-1")
    friend = people.join_organisation(a_deed(founder), person_id=friend.id, organisation_id="o-1")
    assert friend.organisation_ids == {"o-1"}
    again = people.join_organisation(a_deed(founder), person_id=friend.id, organisation_id="o-1")
    assert again == friend
    assert {p.id for p in people.list_members(friend, "o-1")} == {founder.id, friend.id}
    with pytest.raises(NotFound):
        people.list_members(stranger, "o-1")


def test_members_leave_by_themselves_or_by_an_administrator():
    one, two = register("a@example.org"), register("b@example.org")
    one = people.join_organisation(a_deed(one), person_id=one.id, organisation_id="o-1")
    people.join_organisation(a_deed(one), person_id=two.id, organisation_id="o-1")
    with pytest.raises(NotPermitted):
        people.leave_organisation(a_deed(one), person_id=two.id, organisation_id="o-1")
    gone = people.leave_organisation(a_deed(), person_id=two.id, organisation_id="o-1")
    assert gone.organisation_ids == frozenset()
    assert people.leave_organisation(a_deed(), person_id=two.id, organisation_id="o-1") == gone
    with pytest.raises(people.LastOfOrganisation):
        people.leave_organisation(a_deed(one), person_id=one.id, organisation_id="o-1")


def test_only_members_bring_others_in():
    one, two = register("a@example.org"), register("b@example.org")
    one = people.join_organisation(a_deed(one), person_id=one.id, organisation_id="o-1")
    with pytest.raises(NotFound):
        people.add_member(a_deed(two), person_id=two.id, organisation_id="o-1")
    with pytest.raises(NotFound):
        people.add_member(a_deed(two), person_id=two.id, organisation_id="o-empty")
    added = people.add_member(a_deed(one), person_id=two.id, organisation_id="o-1")
    assert added.organisation_ids == {"o-1"}


def test_people_are_listed_page_by_page_to_those_who_may():
    everybody = sorted((register(f"{n}@example.org") for n in "abc"), key=lambda p: p.id)
    first = people.list_people(ADMINISTRATOR, limit=2)
    rest = people.list_people(ADMINISTRATOR, after=first[-1].id, limit=2)
    assert first + rest == everybody
    with pytest.raises(NotPermitted):
        people.list_people(everybody[0])
    with pytest.raises(NotPermitted):
        people.find_person_by_email(everybody[0], "a@example.org")
    assert people.find_person_by_email(ADMINISTRATOR, "none@example.org") is None


def test_the_admin_link_makes_one_administrator_once():
    assert not people.has_administrator()
    expires_at = people.create_admin_link(a_deed(), secret="s3cret")
    assert expires_at == NOW + timedelta(hours=24)
    people.check_admin_link("s3cret", now=NOW)
    new = NewPerson(name="Ada", email="ada@example.org", password=PASSWORD)
    ada = people.claim_admin_link(a_deed(PUBLIC), secret="s3cret", new=new)
    assert ada.roles == {Role.ADMINISTRATOR}
    assert people.has_administrator()
    with pytest.raises(people.AdminLinkIsUsed):
        people.check_admin_link("s3cret", now=NOW)
    other = NewPerson(name="Eve", email="eve@example.org", password=PASSWORD)
    with pytest.raises(people.AdminLinkIsUsed):
        people.claim_admin_link(a_deed(PUBLIC), secret="s3cret", new=other)


def test_the_admin_link_ends_after_a_day_and_a_newer_one_replaces_it():
    new = NewPerson(name="Ada", email="ada@example.org", password=PASSWORD)
    expires_at = people.create_admin_link(a_deed(), secret="first")
    with pytest.raises(people.AdminLinkIsUsed):
        people.claim_admin_link(a_deed(PUBLIC, now=expires_at), secret="first", new=new)
    people.create_admin_link(a_deed(), secret="second")
    with pytest.raises(people.AdminLinkIsUsed):
        people.claim_admin_link(a_deed(PUBLIC), secret="first", new=new)
    assert people.claim_admin_link(a_deed(PUBLIC), secret="second", new=new).name == "Ada"


def test_a_claim_that_fails_leaves_the_link_usable():
    people.create_admin_link(a_deed(), secret="s3cret")
    weak = NewPerson(name="Ada", email="ada@example.org", password="123")
    with pytest.raises(people.PasswordIsWeak):
        people.claim_admin_link(a_deed(PUBLIC), secret="s3cret", new=weak)
    people.check_admin_link("s3cret", now=NOW)


def test_an_admin_link_takes_an_administrator():
    with pytest.raises(NotPermitted):
        people.create_admin_link(a_deed(PUBLIC), secret="s3cret")
