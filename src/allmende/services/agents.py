"""Site agents: letting one in with a one-time code, seeing how each is, and sending it away."""

from dataclasses import dataclass, replace
from datetime import datetime

from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.domain.basics.sites import Factory, Site
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.trust import agents
from allmende.domain.trust.agents import Agent, EnrolmentCode
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import agents as store

# Of a job file: what agents before `WHOLE_JOBS_SINCE` have never heard of.
NEW_KEYS = ("workdir", "image", "setup")


@dataclass(frozen=True, kw_only=True)
class Application:
    """How an agent asks to be enrolled: it proves to have the code, and never sends it."""

    code_id: str
    site_id: str
    public_key: bytes
    proof: str
    protocols: tuple[int, ...]
    software: str


@one_transaction
def make_code(deed: Deed, site_id: str, *, secret: bytes, factory: Factory) -> EnrolmentCode:
    """Make a code with which an agent of a site can be enrolled, once and within the hour.

    `secret` is 32 random bytes. The code is shown now and never again.
    """
    check_permission(deed.actor, Permission.MANAGE_AGENTS)
    if not factory.get_site(site_id).agent:
        raise agents.SiteHasNoAgent(site=site_id)
    store.forget_codes(before=deed.now - agents.CODE_LIFE)
    code = EnrolmentCode(
        id=deed.new_id("ac"),
        site_id=site_id,
        secret=secret,
        expires_at=deed.now + agents.CODE_LIFE,
    )
    store.save_code(code)
    audit.record(deed, action="agent.code_made", subject=code.id, site=site_id)
    return code


@one_transaction
def enrol_agent(deed: Deed, asked: Application, *, software: str) -> Agent:
    """Let an agent in that has the code of an operator; whoever spoke for its site before may not.

    Asked again by the same key, because the answer got lost, this is the same agent.
    """
    protocol = agents.choose_protocol(asked.protocols, software=software)
    working = store.list_working_agents(asked.site_id)
    code = store.lock_code(asked.code_id)
    again = next((each for each in working if each.public_key == asked.public_key), None)
    if again and code and code.used_at and not again.counter:
        code = replace(code, used_at=None)
    code = agents.check_code(
        code, asked.proof, site_id=asked.site_id, public_key=asked.public_key, now=deed.now
    )
    if again:
        return again
    for each in working:
        store.save_agent(agents.revoke(each, now=deed.now))
        audit.record(deed, action="agent.revoked", subject=each.id, site=each.site_id)
    agent = Agent(
        id=deed.new_id("ag"),
        site_id=asked.site_id,
        public_key=asked.public_key,
        enrolled_at=deed.now,
        protocol=protocol,
        software=asked.software[:40],
    )
    store.save_agent(agent)
    store.save_code(replace(code, used_at=deed.now))
    audit.record(
        deed,
        action="agent.enrolled",
        subject=agent.id,
        site=agent.site_id,
        fingerprint=agent.fingerprint,
    )
    return agent


def list_agents(
    reader: Person, *, site_id: str = "", after: str = "", limit: int = 100
) -> list[Agent]:
    """Return agents, of one site or of all, the newest first, also those that were revoked."""
    check_permission(reader, Permission.SEE_AGENTS)
    return store.list_agents(site_id=site_id, after=after, limit=limit)


@one_transaction
def revoke_agent(deed: Deed, agent_id: str) -> Agent:
    """Let an agent in no more, from this moment on. What runs at its site runs on, unseen.

    Revoking again changes nothing.
    """
    check_permission(deed.actor, Permission.MANAGE_AGENTS)
    agent = store.lock_agent(agent_id) or store.get_agent(agent_id)
    if agent.revoked_at is not None:
        return agent
    revoked = agents.revoke(agent, now=deed.now)
    store.save_agent(revoked)
    audit.record(deed, action="agent.revoked", subject=agent.id, site=agent.site_id)
    return revoked


def person_of(agent: Agent) -> Person:
    """Return the agent as somebody who acts, for the audit trail."""
    return replace(DAEMON, id=agent.id, name=f"the agent of {agent.site_id}", roles=_ROLES)


def check_takes(spec: JobSpec, site: Site) -> None:
    """Refuse a job of which the agent of a site would leave out a part, for it is too old."""
    agent = store.find_working_agent(site.id) if site.agent else None
    if agent is None or agent.protocol >= agents.WHOLE_JOBS_SINCE:
        return
    for key in NEW_KEYS:
        if getattr(spec, key):
            raise agents.AgentIsTooOld(site=site.name, key=key)


def is_quiet(site_id: str, *, now: datetime) -> Agent | None:
    """Return the agent of a site that should have called in by now; None where all is well."""
    agent = store.find_working_agent(site_id)
    return agent if agent and agent.is_quiet(now) else None


_ROLES = frozenset({Role.SYSTEM})
