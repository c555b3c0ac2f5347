"""The agents of the sites: how each is, a code for a new one, and sending one away."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from allmende.domain.trust.agents import write_code
from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import agents
from allmende.web.acting import begin_deed, get_person
from allmende.web.forms.agents import CodeForm
from allmende.web.site_links import list_site_links
from allmende.wiring import now
from allmende.wiring.agents import centre_public_key, new_secret
from allmende.wiring.factory import load_factory

PAGE_SIZE = 50


def show_agents(request: HttpRequest) -> HttpResponse:
    """Show the agents, and make a code for a new one; it is shown this once."""
    reader, factory = get_person(request), load_factory()
    site_id = request.GET.get("site", "")
    site = factory.get_site(site_id) if site_id else None
    only = {"site": site_id} if site_id else {}
    found = agents.list_agents(
        reader, site_id=site_id, after=request.GET.get("after", ""), limit=PAGE_SIZE
    )
    form, code = None, ""
    if can_do(reader, Permission.MANAGE_AGENTS) and any(site.agent for site in factory.sites):
        form = CodeForm(request.POST if request.method == "POST" else None, factory=factory)
    if form is not None and form.is_valid():
        made = agents.make_code(
            begin_deed(request), form.cleaned_data["site"], secret=new_secret(), factory=factory
        )
        code, form = write_code(made, centre_key=centre_public_key()), CodeForm(factory=factory)
    names = {site.id: site.name for site in factory.sites}
    context = {
        "agents": [(each, names.get(each.site_id, each.site_id), _state(each)) for each in found],
        "site": site,
        "links": list_site_links(reader, site) if site else [],
        "form": form,
        "may_revoke": can_do(reader, Permission.MANAGE_AGENTS),
        "code": code,
        "address": f"{request.scheme}://{request.get_host()}",
        "more": urlencode({**only, "after": found[-1].id}) if len(found) == PAGE_SIZE else "",
    }
    status = 422 if form is not None and form.errors else 200
    response = render(request, "agents.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _state(agent: agents.Agent) -> str:
    if agent.revoked_at is not None:
        return "revoked"
    if agent.last_contact_at is None:
        return "new"
    return "quiet" if agent.is_quiet(now()) else "connected"


@require_POST
def revoke_agent(request: HttpRequest, agent_id: str) -> HttpResponse:
    """Let an agent in no more."""
    agents.revoke_agent(begin_deed(request), agent_id)
    return redirect("agents")
