"""Slurm clusters: the policy that they are told, and who is which user there."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from allmende import wiring
from allmende.domain.scheduling.slurm_policies import Change, ChangeKind
from allmende.domain.trust.permissions import Permission
from allmende.services import cluster_accounts, slurm_policies, steering
from allmende.services.slurm_policies import PolicyPlan
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import After, Limit, Page, PathId, page_of
from allmende.wiring.clusters import policy_keeper_of
from allmende.wiring.factory import load_factory
from allmende.wiring.languages import translate

router = Router(tags=["clusters"])


class ChangeOut(Schema):
    """One step: an account, a QOS or a user, and its settings before and after."""

    kind: ChangeKind
    item: str
    before: dict[str, str]
    after: dict[str, str]


class OutsiderOut(Schema):
    """A member of a project who has no account at the site yet."""

    project_id: str
    person_id: str


class PlanOut(Schema):
    """What applying policy changes; the digest names exactly this plan."""

    site_id: str
    digest: str
    changes: list[ChangeOut]
    shortcomings: list[str]
    outsiders: list[OutsiderOut]


class DriftOut(Schema):
    """What others changed since policy was applied; null: it never was."""

    site_id: str
    applied_at: datetime | None
    changes: list[ChangeOut]


class GroupSteeringOut(Schema):
    """What a group with a guarantee has and is owed; of its claim, what it got in 24 hours."""

    group_id: str
    running_nodes: int
    waiting_nodes: int
    claimed_nodes: float
    lag_node_seconds: float
    worst_lag_node_seconds: float
    bound_node_seconds: float
    met_share: float | None
    is_raised: bool
    may_stop: list[str]


class SteeringOut(Schema):
    """A partition at the last look at it; null: nobody looked for 24 hours."""

    partition_id: str
    seen_at: datetime | None
    is_answered: bool
    nodes_in_service: int
    groups: list[GroupSteeringOut]


class ApplyIn(Schema):
    """The plan that is meant; without a digest, whatever is to be changed now."""

    digest: Annotated[str, Field(max_length=100)] = ""


class AccountIn(Schema):
    """The name with which a person signs in at the site."""

    user_name: Annotated[str, Field(max_length=32)]


class AccountOut(Schema):
    """Which user a person is at a site."""

    site_id: str
    person_id: str
    user_name: str


@router.get("/{site_id}/plan", response=PlanOut, **takes(Permission.SEE_CLUSTER_POLICY))
def plan_policy(request: HttpRequest, site_id: PathId) -> dict[str, Any]:
    """Return what applying policy to a site's cluster would change."""
    plan = slurm_policies.plan_policy(
        get_actor(request),
        site_id,
        keeper_of=policy_keeper_of,
        factory=load_factory(),
        now=wiring.now(),
    )
    return _plan_to_json(plan)


@router.post("/{site_id}/apply", response=PlanOut, **takes(Permission.APPLY_CLUSTER_POLICY))
def apply_policy(request: HttpRequest, site_id: PathId, body: ApplyIn) -> dict[str, Any]:
    """Make a site's cluster what policy wants, and return what was changed."""
    plan = slurm_policies.apply_policy(
        lambda: begin_deed(request),
        site_id,
        keeper_of=policy_keeper_of,
        factory=load_factory(),
        digest=body.digest,
    )
    return _plan_to_json(plan)


@router.get("/{site_id}/drift", response=DriftOut, **takes(Permission.SEE_CLUSTER_POLICY))
def find_drift(request: HttpRequest, site_id: PathId) -> dict[str, Any]:
    """Return what others changed since policy was applied."""
    drift = slurm_policies.find_drift(
        get_actor(request), site_id, keeper_of=policy_keeper_of, factory=load_factory()
    )
    changes = [_change_to_json(each) for each in drift.changes]
    return {"site_id": site_id, "applied_at": drift.applied_at, "changes": changes}


@router.get(
    "/{site_id}/accounts", response=Page[AccountOut], **takes(Permission.SEE_CLUSTER_ACCOUNTS)
)
def list_accounts(
    request: HttpRequest, site_id: PathId, after: After = "", limit: Limit = 50
) -> dict[str, Any]:
    """List who is which user at a site."""
    found = cluster_accounts.list_accounts(
        get_actor(request), site_id, factory=load_factory(), after=after, limit=limit
    )
    return page_of(found, limit=limit, key=lambda account: account.person_id)


@router.put(
    "/{site_id}/accounts/{person_id}",
    response=AccountOut,
    **takes(Permission.MANAGE_CLUSTER_ACCOUNTS),
)
def set_account(request: HttpRequest, site_id: PathId, person_id: PathId, body: AccountIn) -> Any:
    """Say which user a person is at a site; saying it again changes nothing."""
    return cluster_accounts.set_account(
        begin_deed(request),
        site_id=site_id,
        person_id=person_id,
        user_name=body.user_name,
        factory=load_factory(),
    )


@router.delete(
    "/{site_id}/accounts/{person_id}",
    response={204: None},
    **takes(Permission.MANAGE_CLUSTER_ACCOUNTS),
)
def remove_account(request: HttpRequest, site_id: PathId, person_id: PathId) -> Status[None]:
    """Forget which user a person is at a site; again, it changes nothing."""
    cluster_accounts.remove_account(
        begin_deed(request), site_id=site_id, person_id=person_id, factory=load_factory()
    )
    return Status(204, None)


@router.get("/{site_id}/steering", response=list[SteeringOut], **takes(Permission.SEE_FACTORY))
def list_steering(request: HttpRequest, site_id: PathId) -> list[dict[str, Any]]:
    """Return what each group with a guarantee has and is owed on a site's cluster."""
    found = steering.list_steering(
        get_actor(request), site_id, factory=load_factory(), now=wiring.now()
    )
    return [
        {
            "partition_id": each.partition.id,
            "seen_at": each.seen_at,
            "is_answered": each.is_answered,
            "nodes_in_service": each.nodes_in_service,
            "groups": [asdict(course) | {"group_id": course.group.id} for course in each.courses],
        }
        for each in found
    ]


def _plan_to_json(plan: PolicyPlan) -> dict[str, Any]:
    return {
        "site_id": plan.site_id,
        "digest": plan.digest,
        "changes": [_change_to_json(each) for each in plan.changes],
        "shortcomings": [translate(each) for each in plan.shortcomings],
        "outsiders": plan.outsiders,
    }


def _change_to_json(change: Change) -> dict[str, Any]:
    facts = {"kind": change.kind, "item": change.key.text}
    return {**facts, "before": change.before, "after": change.after}
