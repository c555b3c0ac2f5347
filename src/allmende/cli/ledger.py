"""Every hour, booked twice: look at the ledger, and check it."""

from typing import Annotated

import typer

from allmende.cli.acting import acting_person
from allmende.cli.exits import ExitCode
from allmende.cli.output import AsJson, say, show
from allmende.domain.accounting.ledger import AccountKind, Transfer
from allmende.domain.basics.sentences import Sentence
from allmende.services import ledger

app = typer.Typer()

Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many to show.")]


@app.command("check")
def check_ledger(json: AsJson = False) -> None:
    """Recompute every balance from the transfers and compare. Exit code 1 if anything is wrong."""
    checked = ledger.check(acting_person())
    if json:
        show({"is_clean": checked.is_clean, **_facts(checked)}, json=True)
    elif checked.is_clean:
        say(
            Sentence(
                "The ledger is clean: {transfers} transfers on {accounts} accounts.",
                {"transfers": checked.transfers, "accounts": checked.accounts},
            )
        )
    else:
        show(checked.findings, columns=("rule", "subject", "sentence"))
    if not checked.is_clean:
        raise typer.Exit(ExitCode.REFUSED)


@app.command("accounts")
def list_accounts(
    kind: Annotated[AccountKind | None, typer.Option(help="Only accounts of this kind.")] = None,
    after: Annotated[str, typer.Option(help="Begin after this account.")] = "",
    limit: Limit = 100,
    json: AsJson = False,
) -> None:
    """List accounts with their balances in seconds."""
    found = ledger.list_accounts(acting_person(), kind=kind, after=after, limit=limit)
    if json:
        show(found, json=True)
        return
    rows = [
        {
            "account": each.account.id,
            "unit": each.account.unit,
            "balance_seconds": each.balance_seconds,
        }
        for each in found
    ]
    show(rows, empty=Sentence("No account is open yet."))


@app.command("transfers")
def list_transfers(
    after: Annotated[str, typer.Option(help="Begin after this transfer.")] = "",
    limit: Limit = 100,
    json: AsJson = False,
) -> None:
    """List transfers in the order of the ledger."""
    found = ledger.list_transfers(acting_person(), after=after, limit=limit)
    if json:
        show(found, json=True)
    else:
        show([_row(each) for each in found], empty=Sentence("Nothing was moved yet."))


@app.command("statement")
def show_statement(
    account_id: str,
    before: Annotated[str, typer.Option(help="Begin before this transfer.")] = "",
    limit: Limit = 100,
    json: AsJson = False,
) -> None:
    """Show what happened on one account, the newest transfer first."""
    lines = ledger.list_statement(acting_person(), account_id, before=before, limit=limit)
    if json:
        show(lines, json=True)
        return
    rows = [
        {
            "at": line.transfer.at,
            "kind": line.transfer.kind,
            "change_seconds": line.change_seconds,
            "balance_seconds": line.balance_seconds,
            "reason": line.transfer.reason,
            "id": line.transfer.id,
        }
        for line in lines
    ]
    show(rows, empty=Sentence("Nothing happened on this account."))


def _facts(checked: ledger.LedgerCheck) -> dict[str, object]:
    return {
        "accounts": checked.accounts,
        "transfers": checked.transfers,
        "findings": checked.findings,
    }


def _row(transfer: Transfer) -> dict[str, object]:
    return {
        "at": transfer.at,
        "kind": transfer.kind,
        "from": transfer.debit_account_id,
        "to": transfer.credit_account_id,
        "seconds": transfer.amount_seconds,
        "id": transfer.id,
    }
