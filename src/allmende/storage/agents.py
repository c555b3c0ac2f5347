"""Site agents: their public keys, how far each has counted, and the codes to enrol with."""

from datetime import datetime

from django.db import models

from allmende.domain.basics.refusals import NotFound
from allmende.domain.trust.agents import Agent, EnrolmentCode


class AgentRow(models.Model):
    """An agent, also after it was revoked; at most one of a site works."""

    id = models.CharField(max_length=40, primary_key=True)
    site_id = models.CharField(max_length=40, db_index=True)
    public_key = models.BinaryField(max_length=32)
    sealing_key = models.BinaryField(max_length=32, default=b"")
    enrolled_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    counter = models.BigIntegerField(default=0)
    received = models.BigIntegerField(default=0)
    protocol = models.IntegerField(default=0)
    software = models.CharField(max_length=40, default="")
    last_contact_at = models.DateTimeField(null=True)
    spool_depth = models.BigIntegerField(default=0)
    trouble = models.TextField(default="")

    class Meta:
        app_label = "storage"
        db_table = "agent"


class AgentCodeRow(models.Model):
    """A code to enrol with, once."""

    id = models.CharField(max_length=40, primary_key=True)
    site_id = models.CharField(max_length=40)
    secret = models.BinaryField(max_length=32)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "storage"
        db_table = "agent_code"


AGENT_FIELDS = tuple(field.name for field in AgentRow._meta.fields)


def save_agent(agent: Agent) -> None:
    """Write an agent, new or changed."""
    facts = {name: getattr(agent, name) for name in AGENT_FIELDS if name != "id"}
    AgentRow.objects.update_or_create(id=agent.id, defaults=facts)


def get_agent(agent_id: str) -> Agent:
    """Return an agent by its id; `NotFound` when there is none."""
    agent = find_agent(agent_id)
    if agent is None:
        raise NotFound(kind="agent", id=agent_id)
    return agent


def find_agent(agent_id: str) -> Agent | None:
    """Return an agent by its id, None where there is none."""
    row = AgentRow.objects.filter(id=agent_id).first()
    return _agent(row) if row else None


def lock_agent(agent_id: str) -> Agent | None:
    """Return an agent, whom nobody else changes before this transaction ends; None: there is none.

    Two calls of one agent come one after the other, so each finds what the other counted.
    """
    row = AgentRow.objects.select_for_update().filter(id=agent_id).first()
    return _agent(row) if row else None


def find_working_agent(site_id: str) -> Agent | None:
    """Return the agent of a site that is not revoked."""
    rows = AgentRow.objects.filter(site_id=site_id, revoked_at=None)
    row = rows.order_by("-enrolled_at", "id").first()
    return _agent(row) if row else None


def list_agents(*, site_id: str = "", after: str = "", limit: int = 100) -> list[Agent]:
    """Return agents, of one site or of all, the newest first, from the one after `after` on."""
    rows = AgentRow.objects.order_by("-enrolled_at", "-id")
    if site_id:
        rows = rows.filter(site_id=site_id)
    last = find_agent(after) if after else None
    if last is not None:
        earlier = models.Q(enrolled_at__lt=last.enrolled_at)
        rows = rows.filter(earlier | models.Q(enrolled_at=last.enrolled_at, id__lt=last.id))
    return [_agent(row) for row in rows[:limit]]


def list_working_agents(site_id: str) -> list[Agent]:
    """Return the agents of a site that are not revoked, locked until this transaction ends."""
    rows = AgentRow.objects.select_for_update().filter(site_id=site_id, revoked_at=None)
    return [_agent(row) for row in rows]


def list_all_working() -> list[Agent]:
    """Return the agents of all sites that are not revoked, by site."""
    rows = AgentRow.objects.filter(revoked_at=None).order_by("site_id", "id")
    return [_agent(row) for row in rows]


def save_code(code: EnrolmentCode) -> None:
    """Write a code, new or used."""
    facts = {"site_id": code.site_id, "secret": code.secret}
    facts |= {"expires_at": code.expires_at, "used_at": code.used_at}
    AgentCodeRow.objects.update_or_create(id=code.id, defaults=facts)


def lock_code(code_id: str) -> EnrolmentCode | None:
    """Return a code, which nobody else uses before this transaction ends; None: there is none."""
    row = AgentCodeRow.objects.select_for_update().filter(id=code_id).first()
    if row is None:
        return None
    return EnrolmentCode(
        id=row.id,
        site_id=row.site_id,
        secret=bytes(row.secret),
        expires_at=row.expires_at,
        used_at=row.used_at,
    )


def forget_codes(*, before: datetime) -> None:
    """Forget the codes that had expired before an instant."""
    AgentCodeRow.objects.filter(expires_at__lt=before).delete()


def _agent(row: AgentRow) -> Agent:
    facts = {name: getattr(row, name) for name in AGENT_FIELDS}
    keys = {name: bytes(facts[name]) for name in ("public_key", "sealing_key")}
    return Agent(**{**facts, **keys})
