"""Cluster accounts: operators say which person is which user at a site."""

from allmende.domain.basics.cluster_accounts import ClusterAccount, check_user_name
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sites import Factory, RunAs, Site
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import audit
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import cluster_accounts as store
from allmende.storage import people as people_store
from allmende.storage.cluster_accounts import SitePerson


class SiteHasNoCluster(Refusal):
    """Jobs at {site} do not run under accounts of people. Only a site with a Slurm cluster has
    them."""


class UserNameIsTaken(Refusal):
    """{user_name} at {site} is somebody else already. Two people never share an account."""


class NoAccountThere(Refusal):
    """{person} has no account at {site} yet, and jobs there run as the person who sends them. The
    operators of the site set it; then send the job again."""


@one_transaction
def set_account(
    deed: Deed, *, site_id: str, person_id: str, user_name: str, factory: Factory
) -> ClusterAccount:
    """Say which user a person is at a site; saying it again changes nothing."""
    check_permission(deed.actor, Permission.MANAGE_CLUSTER_ACCOUNTS)
    check_has_cluster(site_id, factory=factory)
    check_user_name(user_name)
    people_store.get_person(person_id)
    account = ClusterAccount(site_id=site_id, person_id=person_id, user_name=user_name)
    store.lock_accounts()
    owner = store.find_person_id(site_id, user_name)
    if owner == person_id:
        return account
    if owner is not None:
        raise UserNameIsTaken(user_name=user_name, site=site_id)
    store.save_account(account)
    # The name itself often tells who somebody is, and the chain forgets nothing.
    audit.record(deed, action="cluster_account.set", subject=account.key)
    return account


def get_user_name(site: Site, person_id: str) -> str:
    """Return as which user a person's jobs run at a site; "" where all run under one account."""
    if site.slurm is None or site.slurm.run_as is RunAs.NOBODY:
        return ""
    user_name = store.find_user_name(site.id, person_id)
    if user_name is None:
        person = people_store.get_person(person_id)
        raise NoAccountThere(person=person.name, site=site.name)
    return user_name


@one_transaction
def remove_account(deed: Deed, *, site_id: str, person_id: str, factory: Factory) -> None:
    """Take a person's account at a site away; again, it changes nothing.

    What they have submitted stays theirs; nothing new is sent there for them.
    """
    check_permission(deed.actor, Permission.MANAGE_CLUSTER_ACCOUNTS)
    check_has_cluster(site_id, factory=factory)
    user_name = store.find_user_name(site_id, person_id)
    if user_name is None:
        return
    store.remove_account(site_id, person_id)
    account = ClusterAccount(site_id=site_id, person_id=person_id, user_name=user_name)
    audit.record(deed, action="cluster_account.removed", subject=account.key)


def list_accounts(
    reader: Person, site_id: str, *, factory: Factory, after: str = "", limit: int = 100
) -> list[ClusterAccount]:
    """Return a page of the accounts at a site."""
    check_permission(reader, Permission.SEE_CLUSTER_ACCOUNTS)
    check_has_cluster(site_id, factory=factory)
    return store.list_accounts(site_id, after=after, limit=limit)


def list_people(
    reader: Person, site_id: str, *, factory: Factory, after: str = "", limit: int = 100
) -> list[SitePerson]:
    """Return a page of those who work in projects at a site, each with the user that they are."""
    check_permission(reader, Permission.SEE_CLUSTER_ACCOUNTS)
    check_has_cluster(site_id, factory=factory)
    partitions = factory.get_site(site_id).partitions
    ids = [partition.id for partition in partitions if partition.is_on_slurm]
    return store.list_people(site_id, ids, after=after, limit=limit)


def check_has_cluster(site_id: str, *, factory: Factory) -> None:
    """Refuse a site without a Slurm cluster."""
    site = factory.get_site(site_id)
    if site.slurm is None:
        raise SiteHasNoCluster(site=site.name)
