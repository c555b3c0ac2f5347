"""People come in by signing up, by signing in, and by the first administrator's link."""

import pytest
from django.contrib.auth.models import User

from allmende.domain.basics.people import Person, Role
from allmende.services import people
from allmende.services.people import NewPerson
from allmende.wiring import deed_of

pytestmark = pytest.mark.django_db

ROOT = Person(id="p-root", name="Root", roles=frozenset({Role.ADMINISTRATOR}))
PASSWORD = "correct horse battery staple"
SIGN_UP = {"name": "Mina", "email": "mina@example.org", "password1": PASSWORD}


def test_signing_up_makes_an_applicant_who_is_signed_in(client):
    answer = client.post("/account/signup/", SIGN_UP)
    assert answer.status_code == 302
    assert answer["Location"] == "/home"
    me = client.get("/api/v1/me").json()
    assert (me["name"], me["email"], me["roles"]) == ("Mina", "mina@example.org", ["applicant"])


@pytest.mark.parametrize("email", ["mina@example.org", "MINA@example.org"])
def test_the_same_address_cannot_sign_up_twice(client, email):
    new = NewPerson(name="Mina", email="mina@example.org", password=PASSWORD)
    people.register_person(deed_of(ROOT), new=new)
    answer = client.post("/account/signup/", {**SIGN_UP, "email": email})
    assert answer.status_code in (200, 302)
    assert User.objects.count() == 1


def test_a_registered_person_signs_in_with_address_and_password(client):
    new = NewPerson(name="Mina", email="mina@example.org", password=PASSWORD)
    person = people.register_person(deed_of(ROOT), new=new)
    wrong = client.post("/account/login/", {"login": "mina@example.org", "password": "no"})
    assert wrong.status_code == 200
    right = client.post("/account/login/", {"login": "mina@example.org", "password": PASSWORD})
    assert right.status_code == 302
    assert client.get("/api/v1/me").json()["id"] == person.id


def test_signing_out_takes_a_post_and_ends_the_session(client):
    client.post("/account/signup/", SIGN_UP)
    client.get("/account/logout/")
    assert client.get("/api/v1/me").status_code == 200
    client.post("/account/logout/")
    assert client.get("/api/v1/me").status_code == 401


def test_the_link_makes_the_first_administrator_once(client):
    people.create_admin_link(deed_of(ROOT), secret="s3cret")
    page = client.get("/first-administrator/s3cret")
    assert page.status_code == 200
    assert page["Referrer-Policy"] == "no-referrer"
    assert "no-store" in page["Cache-Control"]
    entry = {"name": "Ada", "email": "ada@example.org", "password": PASSWORD}
    weak = client.post("/first-administrator/s3cret", {**entry, "password": "123"})
    assert weak.status_code == 200
    assert "password" in weak.context["form"].errors
    assert client.post("/first-administrator/s3cret", entry)["Location"] == "/account/login/"
    assert people.find_person_by_email(ROOT, "ada@example.org").roles == {Role.ADMINISTRATOR}
    assert client.get("/first-administrator/s3cret").status_code == 409


def test_a_wrong_link_is_refused(client):
    assert client.get("/first-administrator/guess").status_code == 409


def test_an_address_taken_already_is_said_beside_the_field(client):
    new = NewPerson(name="Ada", email="ada@example.org", password=PASSWORD)
    people.register_person(deed_of(ROOT), new=new)
    people.create_admin_link(deed_of(ROOT), secret="s3cret")
    entry = {"name": "Ada", "email": "ada@example.org", "password": PASSWORD}
    answer = client.post("/first-administrator/s3cret", entry)
    assert "email" in answer.context["form"].errors
