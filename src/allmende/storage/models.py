"""Every table, so that Django finds it; each noun's rows live in the file of that noun."""

from allmende.storage.audit import AuditEventRow, AuditHeadRow
from allmende.storage.cycles import CycleRow, FairnessStateRow, LeaseRow
from allmende.storage.jobs import AttemptRow, JobEventRow, JobRow

__all__ = [
    "AttemptRow",
    "AuditEventRow",
    "AuditHeadRow",
    "CycleRow",
    "FairnessStateRow",
    "JobEventRow",
    "JobRow",
    "LeaseRow",
]
