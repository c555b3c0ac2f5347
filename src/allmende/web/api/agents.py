"""The agents that call in from sites: list them, let one in, send one away."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema, Status

from allmende.domain.trust.agents import Agent, write_code
from allmende.domain.trust.permissions import Permission
from allmende.services import agents
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import After, BodyId, Limit, OfSite, Page, PathId, page_of
from allmende.wiring.agents import centre_public_key, new_secret
from allmende.wiring.factory import load_factory

router = Router(tags=["agents"])


class AgentOut(Schema):
    """An agent, known by the fingerprint of its key; times are null before the first call."""

    id: str
    site_id: str
    fingerprint: str
    software: str
    protocol: int
    enrolled_at: datetime
    revoked_at: datetime | None
    last_contact_at: datetime | None
    spool_depth: int
    trouble: str


class CodeIn(Schema):
    """Which site the agent speaks for."""

    site_id: BodyId


class CodeOut(Schema):
    """A code on the one occasion when it is shown."""

    site_id: str
    code: str
    expires_at: datetime


@router.get("", response=Page[AgentOut], **takes(Permission.SEE_AGENTS))
def list_agents(
    request: HttpRequest, site_id: OfSite = "", after: After = "", limit: Limit = 50
) -> dict[str, object]:
    """List the agents, the newest first, also those that were revoked."""
    found = agents.list_agents(get_actor(request), site_id=site_id, after=after, limit=limit)
    return page_of(found, limit=limit, key=lambda agent: agent.id)


@router.post("/codes", response={201: CodeOut}, **takes(Permission.MANAGE_AGENTS))
def make_code(request: HttpRequest, body: CodeIn) -> Status[dict[str, object]]:
    """Make a code with which an agent is enrolled, once and within the hour.

    It is shown in this answer and never again.
    """
    code = agents.make_code(
        begin_deed(request), body.site_id, secret=new_secret(), factory=load_factory()
    )
    text = write_code(code, centre_key=centre_public_key())
    return Status(201, {"site_id": code.site_id, "code": text, "expires_at": code.expires_at})


@router.post("/{agent_id}/revoke", response=AgentOut, **takes(Permission.MANAGE_AGENTS))
def revoke_agent(request: HttpRequest, agent_id: PathId) -> Agent:
    """Let an agent in no more, from now on; revoking again changes nothing."""
    return agents.revoke_agent(begin_deed(request), agent_id)
