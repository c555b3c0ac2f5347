"""The pages that a site has, for whoever may open them; every page of a site shows the others."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from allmende.domain.basics.people import Person
from allmende.domain.basics.sites import Site
from allmende.domain.trust.permissions import Permission, can_do


@dataclass(frozen=True)
class SiteLink:
    """A page of a site."""

    href: str
    text: str


def list_site_links(reader: Person, site: Site) -> list[SiteLink]:
    """Return the pages of a site that a reader may open; none where no job is driven from here."""
    if not any(partition.takes_jobs for partition in site.partitions):
        return []
    links = [*_list_cluster_links(reader, site)] if site.slurm else []
    if can_do(reader, Permission.MANAGE_NODES):
        links += [
            SiteLink(reverse("nodes", args=[each.id]), _("Nodes of {name}").format(name=each.name))
            for each in site.partitions
            if each.takes_jobs
        ]
    query = urlencode({"site": site.id})
    if site.agent and can_do(reader, Permission.SEE_AGENTS):
        links.append(SiteLink(f"{reverse('agents')}?{query}", _("Its agent")))
    links.append(SiteLink(f"{reverse('incidents')}?{query}", _("Incidents")))
    return links


def _list_cluster_links(reader: Person, site: Site) -> list[SiteLink]:
    pages = [
        ("cluster", _("Policy and drift"), Permission.SEE_CLUSTER_POLICY),
        ("cluster_accounts", _("Who is which user"), Permission.SEE_CLUSTER_ACCOUNTS),
        ("cluster_steering", _("Guarantees"), Permission.SEE_FACTORY),
        ("cluster_usage", _("Usage"), Permission.SEE_EVERY_JOB),
        ("cluster_reconciliation", _("Reconciliation"), Permission.SEE_EVERY_JOB),
    ]
    return [
        SiteLink(reverse(name, args=[site.id]), text)
        for name, text, permission in pages
        if can_do(reader, permission)
    ]
