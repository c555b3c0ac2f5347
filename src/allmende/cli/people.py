"""People and their roles."""

from typing import Annotated

import typer

from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.people import Role
from allmende.domain.basics.sentences import Sentence
from allmende.services import people
from allmende.services.people import NewPerson
from allmende.wiring.tokens import new_token

app = typer.Typer()

PersonName = Annotated[str, typer.Argument(help="The person's id or e-mail address.")]
COLUMNS = ("id", "name", "email", "roles", "organisation_ids", "language")


@app.command("add")
def add_person(
    name: str,
    email: str,
    role: Annotated[list[Role] | None, typer.Option(help="Can be given several times.")] = None,
    password: Annotated[
        str,
        typer.Option(
            prompt=True, confirmation_prompt=True, hide_input=True, envvar="ALLMENDE_NEW_PASSWORD"
        ),
    ] = "",
    json: AsJson = False,
) -> None:
    """Register a person, with a login. The password is asked for, or read from the environment."""
    person = people.register_person(
        acting_deed(),
        new=NewPerson(name=name, email=email, password=password),
        roles=frozenset(role or [Role.APPLICANT]),
    )
    show(person, json=json, columns=COLUMNS)


@app.command("list")
def list_people(
    after: Annotated[str, typer.Option(help="Begin after this id.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    json: AsJson = False,
) -> None:
    """List people and their roles."""
    found = people.list_people(acting_person(), after=after, limit=limit)
    show(found, json=json, columns=COLUMNS, empty=Sentence("Nobody yet. Begin with: allmende init"))


@app.command("show")
def show_person(person: PersonName, json: AsJson = False) -> None:
    """Show one person."""
    reader = acting_person()
    wanted = people.get_person_by_name(person)
    show(people.get_person_of(reader, wanted.id), json=json, columns=COLUMNS)


@app.command("give-role")
def give_role(person: PersonName, role: Role, json: AsJson = False) -> None:
    """Give a person a role; giving it again changes nothing."""
    found = people.get_person_by_name(person)
    changed = people.give_role(acting_deed(), person_id=found.id, role=role)
    show(changed, json=json, columns=COLUMNS)


@app.command("take-role")
def take_role(person: PersonName, role: Role, json: AsJson = False) -> None:
    """Take a role from a person; the last administrator keeps theirs."""
    found = people.get_person_by_name(person)
    changed = people.take_role(acting_deed(), person_id=found.id, role=role)
    show(changed, json=json, columns=COLUMNS)


@app.command("language")
def choose_language(language: str, json: AsJson = False) -> None:
    """Choose the language of letters and e-mails to you: de or en."""
    show(people.choose_language(acting_deed(), language), json=json, columns=COLUMNS)


@app.command("admin-link")
def print_admin_link(
    address: Annotated[
        str, typer.Option(help="Where the portal is reached.")
    ] = "http://127.0.0.1:8000",
    json: AsJson = False,
) -> None:
    """Print a link that makes whoever opens it first an administrator, once, within 24 hours."""
    link = make_admin_link(address)
    if json:
        show({"link": link}, json=True)
    else:
        say(Sentence("Open this link once, within 24 hours:"))
        say(link)


def make_admin_link(address: str) -> str:
    """Make a one-time link for an administrator and return it; it is kept nowhere."""
    secret = new_token()
    people.create_admin_link(acting_deed(), secret=secret)
    return f"{address.rstrip('/')}/first-administrator/{secret}"
