"""Who acts at the command line."""

from allmende import wiring
from allmende.cli.commands import acting_as
from allmende.domain.basics.people import Person, Role
from allmende.services import people
from allmende.services.deeds import Deed

# Whoever can read the database file may look at everything and give roles; what takes judgement
# or somebody's own hours takes a named person.
CONSOLE = Person(
    id="console", name="the console", roles=frozenset({Role.ADMINISTRATOR, Role.AUDITOR})
)


def acting_person() -> Person:
    """Return the person of `--as` or $ALLMENDE_PERSON (an id or e-mail address), or the console."""
    wanted = acting_as.get()
    return people.get_person_by_name(wanted) if wanted else CONSOLE


def acting_deed() -> Deed:
    """Return a deed of the acting person, now."""
    return Deed(actor=acting_person(), now=wiring.now(), new_id=wiring.new_id)
