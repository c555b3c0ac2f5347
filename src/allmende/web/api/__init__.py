"""The JSON API, one noun per file."""

from ninja import NinjaAPI

from allmende import __version__
from allmende.web.api import (
    agents,
    aid,
    appeals,
    applications,
    audit,
    awards,
    calls,
    ceilings,
    changes,
    clusters,
    documents,
    eligibility,
    expert_reviews,
    forms,
    jobs,
    ledger,
    mail,
    mergers,
    models,
    modes,
    nodes,
    organisations,
    panels,
    people,
    programme_figures,
    projects,
    promises,
    reports,
    reservations,
    reviews,
    rules,
    sites,
    sizes,
    tokens,
    what_if,
)
from allmende.web.api.bodies import StrictParser
from allmende.web.api.problems import answer_with_problems

api = NinjaAPI(
    title="Allmende",
    version=__version__,
    description="Everything that the portal does, for programs. Errors are RFC 9457 problems.",
    urls_namespace="api",
    docs_url=None,
    parser=StrictParser(),
)
answer_with_problems(api)

ROUTERS = (
    ("", people.router),
    ("", mail.router),
    ("/tokens", tokens.router),
    ("/organisations", organisations.router),
    ("/eligibility", eligibility.router),
    ("/calls", calls.router),
    ("/modes", modes.router),
    ("/rules", rules.router),
    ("/forms", forms.router),
    ("", sizes.router),
    ("/applications", applications.router),
    ("/applications", reviews.router),
    ("", documents.router),
    ("", expert_reviews.router),
    ("", panels.router),
    ("", appeals.router),
    ("/mergers", mergers.router),
    ("", changes.router),
    ("", awards.router),
    ("/aid", aid.router),
    ("", programme_figures.router),
    ("/projects", projects.router),
    ("", reports.router),
    ("/jobs", jobs.router),
    ("/models", models.router),
    ("/sites", sites.router),
    ("/clusters", clusters.router),
    ("/nodes", nodes.router),
    ("/agents", agents.router),
    ("/reservations", reservations.router),
    ("/ceilings", ceilings.router),
    ("/promises", promises.router),
    ("/ledger", ledger.router),
    ("/audit", audit.router),
    ("/what-if", what_if.router),
)
for prefix, router in ROUTERS:
    api.add_router(prefix, router)
