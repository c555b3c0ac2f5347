"""The JSON API, one noun per file."""

from ninja import NinjaAPI

from allmende import __version__
from allmende.web.api import audit, people, sites, tokens
from allmende.web.api.problems import answer_with_problems

api = NinjaAPI(
    title="Allmende",
    version=__version__,
    description="Everything that the portal does, for programs. Errors are RFC 9457 problems.",
    urls_namespace="api",
    docs_url=None,
)
answer_with_problems(api)

ROUTERS = {
    "": people.router,
    "/tokens": tokens.router,
    "/sites": sites.router,
    "/audit": audit.router,
}
for prefix, router in ROUTERS.items():
    api.add_router(prefix, router)
