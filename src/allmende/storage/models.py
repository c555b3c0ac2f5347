"""Every table, so that Django finds it; each noun's rows live in the file of that noun."""

from allmende.storage.agents import AgentCodeRow, AgentRow
from allmende.storage.aid import AidEntryRow
from allmende.storage.appeals import AppealRow, RebuttalRow
from allmende.storage.applications import ApplicationRow
from allmende.storage.audit import AuditEventRow, AuditHeadRow
from allmende.storage.awards import AwardRow
from allmende.storage.calls import CallRow, RulesSnapshotRow
from allmende.storage.changes import ProjectChangeRow
from allmende.storage.choices import ChoiceRow
from allmende.storage.cluster_accounts import ClusterAccountRow
from allmende.storage.code_archives import CodeArchiveRow
from allmende.storage.cycles import CycleRow, FairnessStateRow, LeaseRow
from allmende.storage.documents import DocumentRow
from allmende.storage.errands import ErrandRow
from allmende.storage.expert_reviews import ReviewerRow, ReviewRow
from allmende.storage.forecasts import ForecastRow
from allmende.storage.incidents import IncidentEntryRow
from allmende.storage.jobs import AttemptRow, JobEventRow, JobRow
from allmende.storage.kept_reconciliations import ReconciliationRow
from allmende.storage.ledger import LedgerAccountRow, LedgerBalanceRow, LedgerTransferRow
from allmende.storage.mergers import MergerRow
from allmende.storage.messages import MessageRow
from allmende.storage.modes import ModeVersionRow
from allmende.storage.nodes import NodeDrainRow
from allmende.storage.organisations import OrganisationRow
from allmende.storage.people import AdminLinkRow, MembershipRow, PersonRow
from allmende.storage.project_secrets import ProjectSecretRow
from allmende.storage.projects import ProjectMemberRow, ProjectRow
from allmende.storage.promises import PromiseResultRow
from allmende.storage.relays import RelayFileRow, RelayRow, RelaySiteRow
from allmende.storage.reports import InterimReportRow, ReportRow
from allmende.storage.reservations import ReservationRow
from allmende.storage.reviews import TechnicalAssessmentRow
from allmende.storage.session_passes import SessionPassRow
from allmende.storage.slurm_policies import SlurmPolicyItemRow
from allmende.storage.steering import SteeringLookRow, SteeringRow
from allmende.storage.tokens import TokenRow
from allmende.storage.trained_models import ModelParentRow, TrainedModelRow
from allmende.storage.usage import UsageBookmarkRow, UsageRow

__all__ = [
    "AdminLinkRow",
    "AgentCodeRow",
    "AgentRow",
    "AidEntryRow",
    "AppealRow",
    "ApplicationRow",
    "AttemptRow",
    "AuditEventRow",
    "AuditHeadRow",
    "AwardRow",
    "CallRow",
    "ChoiceRow",
    "ClusterAccountRow",
    "CodeArchiveRow",
    "CycleRow",
    "DocumentRow",
    "ErrandRow",
    "FairnessStateRow",
    "ForecastRow",
    "IncidentEntryRow",
    "InterimReportRow",
    "JobEventRow",
    "JobRow",
    "LeaseRow",
    "LedgerAccountRow",
    "LedgerBalanceRow",
    "LedgerTransferRow",
    "MembershipRow",
    "MergerRow",
    "MessageRow",
    "ModeVersionRow",
    "ModelParentRow",
    "NodeDrainRow",
    "OrganisationRow",
    "PersonRow",
    "ProjectChangeRow",
    "ProjectMemberRow",
    "ProjectRow",
    "ProjectSecretRow",
    "PromiseResultRow",
    "RebuttalRow",
    "ReconciliationRow",
    "RelayFileRow",
    "RelayRow",
    "RelaySiteRow",
    "ReportRow",
    "ReservationRow",
    "ReviewRow",
    "ReviewerRow",
    "RulesSnapshotRow",
    "SessionPassRow",
    "SlurmPolicyItemRow",
    "SteeringLookRow",
    "SteeringRow",
    "TechnicalAssessmentRow",
    "TokenRow",
    "TrainedModelRow",
    "UsageBookmarkRow",
    "UsageRow",
]
