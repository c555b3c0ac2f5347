"""Set up this installation: configuration, database, the first administrator's link."""

from typing import Annotated

import typer

from allmende import wiring
from allmende.cli.output import AsJson, say, show
from allmende.domain.basics.sentences import Sentence
from allmende.wiring.access_rules import read_access_rules
from allmende.wiring.factory import load_factory
from allmende.wiring.home import home
from allmende.wiring.planning import load_planning


def init(
    address: Annotated[
        str, typer.Option(help="Where the portal will be reached.")
    ] = "http://127.0.0.1:8000",
    json: AsJson = False,
) -> None:
    """Check the configuration, bring the database to this version, print the administrator's link.

    Safe to repeat: it changes nothing that is there already.
    """
    wiring.start()
    # These can only be imported once Django knows its tables.
    from allmende.cli.people import make_admin_link  # noqa: PLC0415
    from allmende.services import people  # noqa: PLC0415
    from allmende.wiring import database_version  # noqa: PLC0415

    factory = load_factory()
    read_access_rules()
    load_planning()
    database_version.bring_up_to_date()
    link = "" if people.has_administrator() else make_admin_link(address)
    if json:
        show({"factory": factory.name, "home": str(home()), "admin_link": link}, json=True)
        return
    say(Sentence("{factory} is set up under {home}.", {"factory": factory.name, "home": home()}))
    if link:
        say(Sentence("Open this link once, within 24 hours, to become its first administrator:"))
        say(link)
    say(Sentence("Begin with: allmende serve"))
