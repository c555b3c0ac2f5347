"""Slurm clusters: what policy would change there, what others changed, and who is which user."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import cluster_accounts, slurm_policies, steering
from allmende.web.acting import begin_deed, get_person
from allmende.web.site_links import list_site_links
from allmende.web.steering_pictures import draw_lag
from allmende.wiring import now
from allmende.wiring.clusters import policy_keeper_of
from allmende.wiring.factory import load_factory

PAGE_SIZE = 50
CHANGES_MAX = 200  # on a page; the command line shows them all


def list_clusters(request: HttpRequest) -> HttpResponse:
    """Show the sites that have a Slurm cluster."""
    found = slurm_policies.list_clusters(get_person(request), factory=load_factory())
    return render(request, "clusters/list.html", {"clusters": found})


def show_policy(request: HttpRequest, site_id: str) -> HttpResponse:
    """Show plan and drift of a cluster as it is at this moment."""
    reader, factory = get_person(request), load_factory()
    plan, drift = slurm_policies.review_policy(
        reader, site_id, keeper_of=policy_keeper_of, factory=factory, now=now()
    )
    context = {
        "site": factory.get_site(site_id),
        "plan": plan,
        "drift": drift,
        "planned": plan.changes[:CHANGES_MAX],
        "drifted": drift.changes[:CHANGES_MAX],
        "links": list_site_links(reader, factory.get_site(site_id)),
        "can_apply": can_do(reader, Permission.APPLY_CLUSTER_POLICY),
    }
    return render(request, "clusters/policy.html", context)


@require_POST
def apply_policy(request: HttpRequest, site_id: str) -> HttpResponse:
    """Apply the plan that was seen."""
    slurm_policies.apply_policy(
        lambda: begin_deed(request),
        site_id,
        keeper_of=policy_keeper_of,
        factory=load_factory(),
        digest=request.POST.get("digest") or "none",
    )
    return redirect("cluster", site_id)


def list_accounts(request: HttpRequest, site_id: str) -> HttpResponse:
    """Show who works at a site, and as which user."""
    reader, factory = get_person(request), load_factory()
    people = cluster_accounts.list_people(
        reader, site_id, factory=factory, after=request.GET.get("after", ""), limit=PAGE_SIZE
    )
    context = {
        "site": factory.get_site(site_id),
        "links": list_site_links(reader, factory.get_site(site_id)),
        "people": people,
        "more": people[-1].person_id if len(people) == PAGE_SIZE else "",
        "can_manage": can_do(reader, Permission.MANAGE_CLUSTER_ACCOUNTS),
    }
    return render(request, "clusters/accounts.html", context)


@require_POST
def set_account(request: HttpRequest, site_id: str, person_id: str) -> HttpResponse:
    """Say which user a person is; nothing at all takes the account away."""
    deed, factory = begin_deed(request), load_factory()
    if user_name := request.POST.get("user_name", "").strip():
        cluster_accounts.set_account(
            deed, site_id=site_id, person_id=person_id, user_name=user_name, factory=factory
        )
    else:
        cluster_accounts.remove_account(deed, site_id=site_id, person_id=person_id, factory=factory)
    return redirect("cluster_accounts", site_id)


def show_steering(request: HttpRequest, site_id: str) -> HttpResponse:
    """Show what each group with a guarantee has and is owed on a cluster."""
    reader, factory = get_person(request), load_factory()
    found = steering.list_steering(reader, site_id, factory=factory, now=now())
    context = {
        "site": factory.get_site(site_id),
        "links": list_site_links(reader, factory.get_site(site_id)),
        "steered": [(each, [draw_lag(course) for course in each.courses]) for each in found],
    }
    return render(request, "clusters/steering.html", context)
