"""Which person is which user at a site."""

from typing import Annotated

import typer

from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.sentences import Sentence
from allmende.services import cluster_accounts, people
from allmende.wiring.factory import load_factory

app = typer.Typer(help="Which person is which user at a site.", no_args_is_help=True)

PersonName = Annotated[str, typer.Argument(help="The person's id or e-mail address.")]
UserName = Annotated[str, typer.Argument(help="The name with which they sign in at the site.")]
COLUMNS = ("site_id", "person_id", "user_name")


@app.command("set")
def set_account(
    site_id: str, person: PersonName, user_name: UserName, json: AsJson = False
) -> None:
    """Say which user a person is at a site; their jobs run as that user."""
    account = cluster_accounts.set_account(
        acting_deed(),
        site_id=site_id,
        person_id=people.get_person_by_name(person).id,
        user_name=user_name,
        factory=load_factory(),
    )
    show(account, json=json, columns=COLUMNS)


@app.command("list")
def list_accounts(
    site_id: str,
    after: Annotated[str, typer.Option(help="Begin after this person.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    json: AsJson = False,
) -> None:
    """List who is which user at a site."""
    found = cluster_accounts.list_accounts(
        acting_person(), site_id, factory=load_factory(), after=after, limit=limit
    )
    empty = Sentence("Nobody has an account there yet.")
    show(found, json=json, columns=COLUMNS, empty=empty)


@app.command("remove")
def remove_account(site_id: str, person: PersonName, json: AsJson = False) -> None:
    """Forget which user a person is at a site; nothing new is sent there for them."""
    cluster_accounts.remove_account(
        acting_deed(),
        site_id=site_id,
        person_id=people.get_person_by_name(person).id,
        factory=load_factory(),
    )
    if json:
        show({}, json=True)
    else:
        say(Sentence("Removed."))
