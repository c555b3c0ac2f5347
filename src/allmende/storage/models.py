"""Every table, so that Django finds it; each noun's rows live in the file of that noun."""

from allmende.storage.audit import AuditEventRow, AuditHeadRow
from allmende.storage.cycles import CycleRow, FairnessStateRow, LeaseRow
from allmende.storage.jobs import AttemptRow, JobEventRow, JobRow
from allmende.storage.ledger import LedgerAccountRow, LedgerBalanceRow, LedgerTransferRow
from allmende.storage.people import AdminLinkRow, MembershipRow, PersonRow
from allmende.storage.tokens import TokenRow
from allmende.storage.trained_models import TrainedModelRow

__all__ = [
    "AdminLinkRow",
    "AttemptRow",
    "AuditEventRow",
    "AuditHeadRow",
    "CycleRow",
    "FairnessStateRow",
    "JobEventRow",
    "JobRow",
    "LeaseRow",
    "LedgerAccountRow",
    "LedgerBalanceRow",
    "LedgerTransferRow",
    "MembershipRow",
    "PersonRow",
    "TokenRow",
    "TrainedModelRow",
]
