"""Tokens for programs that use the API."""

from datetime import timedelta
from typing import Annotated

import typer

from allmende.cli.acting import CONSOLE, acting_deed, acting_person
from allmende.cli.output import AsJson, say, show, to_json
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.tokens import LONGEST_LIFE, Scope, Token
from allmende.services import tokens
from allmende.wiring.tokens import new_token

app = typer.Typer()


class PersonIsMissing(Refusal):
    """A token acts as a person. Say as whom: allmende --as PERSON token create NAME"""

    status = 422


COLUMNS = (
    "id", "prefix", "name", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"
)  # fmt: skip


@app.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="What it is for, so that you recognise it.")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="read, submit or manage; several times if need be.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=LONGEST_LIFE.days)] = 90,
    json: AsJson = False,
) -> None:
    """Make a token for the person of --as. It is printed once and kept nowhere."""
    deed, secret = acting_deed(), new_token()
    if deed.actor == CONSOLE:
        raise PersonIsMissing
    token = tokens.create_token(
        deed,
        secret=secret,
        name=name,
        scopes=frozenset(scope or [Scope.READ]),
        expires_at=deed.now + timedelta(days=days),
    )
    if json:
        show({**_to_json(token), "token": secret}, json=True)
    else:
        say(Sentence("This is the only time the token is shown:"))
        say(secret)


@app.command("list")
def list_tokens(json: AsJson = False) -> None:
    """List the tokens of the person of --as, the newest first."""
    found = tokens.list_tokens(acting_person())
    empty = Sentence("No token yet. Make one with: allmende token create NAME")
    show([_to_json(t) for t in found] if json else found, json=json, columns=COLUMNS, empty=empty)


@app.command("revoke")
def revoke_token(token_id: str, json: AsJson = False) -> None:
    """Revoke a token at once; revoking again changes nothing."""
    revoked = tokens.revoke_token(acting_deed(), token_id=token_id)
    show(_to_json(revoked) if json else revoked, json=json, columns=COLUMNS)


def _to_json(token: Token) -> dict[str, object]:
    facts: dict[str, object] = to_json(token)
    return {name: fact for name, fact in facts.items() if name != "digest"}
