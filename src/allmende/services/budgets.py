"""What a project has left, and on which accounts."""

from allmende.domain.accounting import allocations
from allmende.domain.accounting.allocations import Budget, NoTimeOnPartition, ProjectAccounts
from allmende.domain.accounting.ledger import AccountKind
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.permissions import Permission, check_member, check_permission
from allmende.storage import ledger as store
from allmende.storage import projects as project_store

# A project has time under one award; a few more partitions are possible, many are a mistake.
PARTITIONS_MAX = 100


class SeveralAllocations(Refusal):
    """Project {project} has time in several places: {places}. Say which one is meant."""

    status = 422


def get_budget(
    reader: Person, project_id: str, *, partition_id: str = "", access_share: str = ""
) -> Budget:
    """Return how much a project has left, and where the rest went."""
    check_permission(reader, Permission.SEE_BUDGET)
    check_visible(reader, project_id)
    return _budget(find_accounts(project_id, partition_id=partition_id, access_share=access_share))


def list_budgets(reader: Person, project_id: str) -> list[Budget]:
    """Return the budgets of a project, one for each partition and access share."""
    check_permission(reader, Permission.SEE_BUDGET)
    check_visible(reader, project_id)
    return find_budgets(project_id)


def find_budgets(project_id: str) -> list[Budget]:
    """Return the same, for those who have asked for nothing themselves."""
    return [_budget(each) for each in list_accounts(project_id)]


def find_accounts(
    project_id: str, *, partition_id: str = "", access_share: str = ""
) -> ProjectAccounts:
    """Return where a project's time is; without a partition, the only place it has time in."""
    found = [
        each
        for each in list_accounts(project_id)
        if partition_id in ("", each.share.partition_id) and access_share in ("", each.share.name)
    ]
    if not found:
        raise NoTimeOnPartition(
            project=project_id,
            partition=partition_id or Sentence("any partition"),
            access_share=access_share or Sentence("any"),
        )
    if len(found) > 1:
        places = ", ".join(f"{each.share.partition_id} ({each.share.name})" for each in found)
        raise SeveralAllocations(project=project_id, places=places)
    return found[0]


def _budget(accounts: ProjectAccounts) -> Budget:
    share, project = accounts.share, accounts.project
    with store.one_snapshot():
        balances = store.get_balances([project.id, accounts.held.id, accounts.consumed.id])
        refunded = store.get_net_seconds(
            debit_account_id=share.refunded().id, credit_account_id=project.id
        )
        expired = store.get_net_seconds(
            debit_account_id=project.id, credit_account_id=share.expired().id
        )
    available, held = balances[project.id], balances[accounts.held.id]
    consumed = balances[accounts.consumed.id]
    return Budget(
        project_id=accounts.project_id,
        partition_id=share.partition_id,
        access_share=share.name,
        unit=share.unit,
        awarded_seconds=available + held + consumed + expired - refunded,
        held_seconds=held,
        consumed_seconds=consumed,
        refunded_seconds=refunded,
        expired_seconds=expired,
        available_seconds=available,
    )


def list_accounts(project_id: str) -> list[ProjectAccounts]:
    """Return every place that a project has time in, or had."""
    found = store.list_accounts(
        kind=AccountKind.PROJECT, owner_ids=[project_id], limit=PARTITIONS_MAX
    )
    return [allocations.accounts_from(account) for account in found]


def check_visible(reader: Person, project_id: str) -> None:
    """Refuse, as if there were no such project, somebody who may not see its budget."""
    project = project_store.get_project(project_id)
    if reader.id in project.member_ids:
        return
    check_member(
        reader,
        project.organisation_id,
        kind="project",
        id=project_id,
        unless=Permission.SEE_EVERY_PROJECT,
    )
