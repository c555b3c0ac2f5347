"""Awards with their projects and what their jobs moved in the ledger, as rows."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from allmende.domain.accounting.ledger import TransferKind
from allmende.storage.applications import ApplicationRow
from allmende.storage.awards import AwardRow
from allmende.storage.ledger import LedgerAccountRow, LedgerBalanceRow, LedgerTransferRow
from allmende.storage.projects import ProjectMemberRow, ProjectRow

JOBS_PER_PROJECT = 4


def save_awards(dice: random.Random, rows: list[ApplicationRow]) -> list[str]:
    """Give every awarded application its award, project, accounts, and jobs in the ledger."""
    awards, projects, members, accounts, transfers = [], [], [], [], []
    for number, row in enumerate(rows):
        project_id, call = f"prj-{number:05d}", row.frozen["call"]
        seconds = row.form["requested_seconds"]
        place = {"partition_id": call["partition_id"], "access_share": call["access_share"]}
        ends_at = row.decided_at + timedelta(days=90)
        awards.append(
            AwardRow(
                id=f"award-{row.id}",
                application_id=row.id,
                project_id=project_id,
                seconds=seconds,
                granted_at=row.decided_at,
                content=_award_content(row, project_id, ends_at),
            )
        )
        projects.append(
            ProjectRow(
                id=project_id,
                name=row.form["title"],
                organisation_id="o-0" if number % 100 == 0 else row.organisation_id,
                application_id=row.id,
                group_id="sme",
                awarded_seconds=seconds,
                starts_at=row.decided_at,
                ends_at=ends_at,
                state="active",
                **place,
            )
        )
        members.append(ProjectMemberRow(project_id=project_id, person_id=row.applicant_id, place=0))
        ids = {
            kind: f"{kind}:{project_id}:{call['partition_id']}:{call['access_share']}"
            for kind in ("project", "held", "consumed")
        }
        accounts += [
            LedgerAccountRow(
                id=account_id,
                kind=kind,
                unit=call["unit"],
                owner_id=project_id,
                **place,
                may_overdraw_seconds=0,
            )
            for kind, account_id in ids.items()
        ]
        transfers += list(_draw_transfers(dice, row, ids, seconds))
    for model, made in (
        (AwardRow, awards), (ProjectRow, projects), (ProjectMemberRow, members),
        (LedgerAccountRow, accounts), (LedgerTransferRow, transfers),
    ):  # fmt: skip
        model.objects.bulk_create(made, batch_size=500)
    LedgerBalanceRow.objects.bulk_create(LedgerBalanceRow(account=each) for each in accounts)
    return [each.id for each in projects]


def _award_content(row: ApplicationRow, project_id: str, ends_at: datetime) -> dict[str, Any]:
    call = row.frozen["call"]
    return {
        "id": f"award-{row.id}",
        "application_id": row.id,
        "project_id": project_id,
        "partition_id": call["partition_id"],
        "access_share": call["access_share"],
        "mode_id": call["mode_id"],
        "unit": call["unit"],
        "seconds": row.form["requested_seconds"],
        "price": "free",
        "price_cents_per_hour": 0,
        "legal_basis": "",
        "period": {"starts_at": row.decided_at.isoformat(), "ends_at": ends_at.isoformat()},
        "granted_at": row.decided_at.isoformat(),
        "granted_by": "p-programme_officer",
        "letter": [],
    }


def _draw_transfers(
    dice: random.Random, row: ApplicationRow, ids: dict[str, str], seconds: int
) -> Iterator[LedgerTransferRow]:
    call = row.frozen["call"]
    pool = f"pool:{call['partition_id']}:{call['access_share']}:{call['mode_id']}"
    share = seconds // JOBS_PER_PROJECT
    used = dice.randrange(1, share)
    steps = [(TransferKind.AWARD, pool, ids["project"], seconds, "", row.decided_at)]
    for job in range(JOBS_PER_PROJECT):
        at, hold = row.decided_at + timedelta(days=1 + job * 7), f"{row.id}-{job}"
        steps += [
            (TransferKind.HOLD, ids["project"], ids["held"], share, hold, at),
            (TransferKind.POST, ids["held"], ids["consumed"], used, hold, at),
            (TransferKind.RELEASE, ids["held"], ids["project"], share - used, hold, at),
        ]
    for number, (kind, debit, credit, amount, hold, at) in enumerate(steps):
        yield LedgerTransferRow(
            id=f"{row.id}-{number}",
            kind=kind.value,
            debit_account_id=debit,
            credit_account_id=credit,
            amount_seconds=amount,
            at=at,
            reason='{"template": "bench", "facts": {}}',
            deed="bench",
            hold_id=hold or None,
            corrects_id="",
        )
