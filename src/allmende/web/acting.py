"""Who acts in a request: the person behind the session, or the public."""

from django.http import HttpRequest

from allmende.domain.basics.people import PUBLIC, Person
from allmende.services import people
from allmende.services.deeds import Deed
from allmende.wiring import deed_of


def get_person(request: HttpRequest) -> Person:
    """Return the person who is signed in, else the public; looked up once for each request."""
    person: Person | None = getattr(request, "allmende_person", None)
    if person is None:
        user = getattr(request, "user", None)
        signed_in = user is not None and user.is_authenticated
        person = (people.find_person_by_login(user.pk) if signed_in else None) or PUBLIC
        request.allmende_person = person
    return person


def begin_deed(request: HttpRequest) -> Deed:
    """Return a deed of the person who is signed in, at this instant."""
    return deed_of(get_person(request))
