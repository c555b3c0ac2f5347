"""Secrets of a project: whoever may submit its jobs sets them, and only its jobs ever read them."""

from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sites import Site
from allmende.domain.training import secrets
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.training.secrets import SecretFacts, SecretsStayHere, TooManySecrets
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.domain.trust.sealing import Seal
from allmende.services import audit, projects
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import agents as agent_store
from allmende.storage import project_secrets as store
from allmende.storage import projects as project_store


@one_transaction
def set_secret(deed: Deed, project_id: str, name: str, *, value: str, seal: Seal) -> SecretFacts:
    """Set a secret of a project, or give it another value. Nobody reads it back."""
    check_permission(deed.actor, Permission.SUBMIT_JOB)
    projects.check_own(deed.actor, project_store.lock_project(project_id))
    secrets.check_name(name)
    secrets.check_value(value)
    names = {each.name for each in store.list_secrets(project_id)}
    if name not in names and len(names) >= secrets.MOST_SECRETS:
        raise TooManySecrets(most=secrets.MOST_SECRETS)
    facts = SecretFacts(project_id=project_id, name=name, set_by=deed.actor.id, set_at=deed.now)
    store.save_secret(facts, seal.close(value, place=_place(project_id, name)))
    audit.record(deed, action="secret.set", subject=project_id, name=name)
    return facts


@one_transaction
def remove_secret(deed: Deed, project_id: str, name: str) -> None:
    """Forget a secret of a project; jobs that name it are refused from then on."""
    check_permission(deed.actor, Permission.SUBMIT_JOB)
    projects.check_own(deed.actor, project_store.lock_project(project_id))
    if not store.remove_secret(project_id, name):
        raise NotFound(kind="secret", id=name)
    audit.record(deed, action="secret.removed", subject=project_id, name=name)


def list_secrets(reader: Person, project_id: str) -> list[SecretFacts]:
    """Return the names of a project's secrets, and who set each when."""
    check_permission(reader, Permission.SEE_PROJECT)
    projects.check_own(reader, project_store.get_project(project_id))
    return store.list_secrets(project_id)


def check_named(spec: JobSpec, project_id: str) -> None:
    """Refuse a job file that names a secret which its project does not have."""
    if spec.secrets:
        known = [each.name for each in store.list_secrets(project_id)]
        secrets.check_known(spec.secrets, known, project_id=project_id)


def check_site(spec: JobSpec, site: Site) -> None:
    """Refuse a site whose agent takes no secrets: they are sent sealed for its own key only."""
    if spec.secrets and site.agent:
        agent = agent_store.find_working_agent(site.id)
        if agent is None or not agent.takes_secrets:
            raise SecretsStayHere(site=site.name)


def open_secrets(spec: JobSpec, project_id: str, *, seal: Seal) -> dict[str, str]:
    """Return by name the values that a job's processes get. Called when an attempt is launched."""
    if not spec.secrets:
        return {}
    sealed = store.read_sealed(project_id, spec.secrets)
    secrets.check_known(spec.secrets, sealed, project_id=project_id)
    return {name: seal.open(sealed[name], place=_place(project_id, name)) for name in spec.secrets}


def _place(project_id: str, name: str) -> str:
    return f"{project_id}/{name}"
