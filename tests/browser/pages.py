"""Every page of the portal: its address and who opens it; names in capitals are ids."""

from allmende.wiring.ownership_files import pack_graph
from tests.domain.access.building import firm, graph, holds, owner

GROUP = pack_graph(
    graph(
        [
            firm("own", (38, 4.2, 3.9), (31, 3.1, 3.3)),
            owner("ada", "natural_person"),
            firm("mother", (120, 22, 18)),
            owner("fund", "venture_capital"),
            firm("daughter", (7, 0.6, 0.4)),
        ],
        [
            holds("ada", "own", 34),
            holds("mother", "own", 31),
            holds("fund", "own", 35, votes=26),
            holds("own", "daughter", 80),
        ],
    )
)

RESULT = (
    "/check?kind=enterprise&country=DE&team=own&headcount=18&turnover=2.4&balance=1.1&similar=yes&owner=no"
    "&team=own&purpose=private_innovation&civilian=yes&prohibited=no&experience=new&gpu_hours=5000"
    "&aid=0&contract=120&personal=no"
)
REFUSED = (
    "/check?kind=no_legal_person&country=US&purpose=private_innovation&civilian=no&prohibited=no"
    "&team=others&team_countries=FR&team_countries=NO&experience=new&gpu_hours=&contract="
    "&personal=yes"
)

PAGES: dict[str, tuple[str, str]] = {
    "front": ("/", ""),
    "sites": ("/sites", ""),
    "promises": ("/promises", ""),
    "promise": ("/promises/sme-share", "aishe"),
    "rules": ("/rules", ""),
    "help": ("/help", ""),
    "accessibility": ("/barrierefreiheit", ""),
    "privacy": ("/datenschutz", ""),
    "imprint": ("/impressum", ""),
    "sign-in": ("/account/login/", ""),
    "sign-up": ("/account/signup/", ""),
    "sign-out": ("/account/logout/", "mina"),
    "password-reset": ("/account/password/reset/", ""),
    "check-first": ("/check", ""),
    "check-country": ("/check?kind=enterprise", ""),
    "check-size": ("/check?kind=enterprise&country=DE&team=own", ""),
    "check-mistakes": (
        "/check?kind=enterprise&country=DE&team=own&headcount=many&turnover=&balance=1",
        "",
    ),
    "check-with-graph": (RESULT.replace("&owner=no", f"&graph={GROUP}"), ""),
    "size": (f"/check/size?graph={GROUP}", ""),
    "size-empty": ("/check/size", ""),
    "size-kind": (f"/check/size/firm?graph={GROUP}", ""),
    "size-firm": (f"/check/size/firm?graph={GROUP}&firm=mother", ""),
    "size-person": (f"/check/size/firm?graph={GROUP}&kind_of=natural_person", ""),
    "size-holding": (f"/check/size/holding?graph={GROUP}&holding=2", ""),
    "rules-past": ("/rules?on=2025-12-31", ""),
    "check-team": ("/check?kind=enterprise&country=DE&team=others", ""),
    "check-purpose": ("/check?kind=university&country=DE&team=own", ""),
    "check-eligible": (RESULT, ""),
    "check-refused": (REFUSED, ""),
    "calculator": ("/calculator", ""),
    "calculator-answer": (
        "/calculator?blueprint=&partition=jupiter-booster&parameters=7e9&tokens=2e12&devices=256&runs=3",
        "",
    ),
    "plan-training": ("/plan-training", ""),
    "plan-training-sparse": (
        "/plan-training?params=671B&active=37B&tokens=15T&on=gpu:h200&gpus=2048&precision=fp8",
        "",
    ),
    "plan-training-mistakes": ("/plan-training?params=70+bananas&tokens=0&gpus=2", ""),
    "calculator-mistakes": ("/calculator?devices=1&parameters=many&partition=", ""),
    "home-founder": ("/home", "mina"),
    "home-newcomer": ("/home", "nina"),
    "home-officer": ("/home", "olga"),
    "home-auditor": ("/home", "aishe"),
    "home-administrator": ("/home", "ada"),
    "organisation-new": ("/organisations/new", "nina"),
    "figures": ("/organisations/COMPANY/figures", "mina"),
    "apply": ("/apply", "mina"),
    "application-tasks": ("/applications/DRAFT_ID", "mina"),
    "application-project": ("/applications/DRAFT_ID/parts/project", "mina"),
    "application-people": ("/applications/DRAFT_ID/parts/people", "mina"),
    "application-resources": ("/applications/DRAFT_ID/parts/resources", "mina"),
    "application-data": ("/applications/DRAFT_ID/parts/data", "mina"),
    "application-declarations": ("/applications/DRAFT_ID/parts/declarations", "mina"),
    "application-documents": ("/applications/DRAFT_ID/documents", "mina"),
    "application-check": ("/applications/DRAFT_ID/check", "mina"),
    "application-full-tasks": ("/applications/FULL_DRAFT_ID", "rolf"),
    "application-full-project": ("/applications/FULL_DRAFT_ID/parts/project", "rolf"),
    "application-full-people": ("/applications/FULL_DRAFT_ID/parts/people", "rolf"),
    "application-full-resources": ("/applications/FULL_DRAFT_ID/parts/resources", "rolf"),
    "application-full-code": ("/applications/FULL_DRAFT_ID/parts/code", "rolf"),
    "application-full-model": ("/applications/FULL_DRAFT_ID/parts/model", "rolf"),
    "application-full-ethics": ("/applications/FULL_DRAFT_ID/parts/ethics", "rolf"),
    "application-calculator": (
        "/applications/DRAFT_ID/calculator?blueprint=medicine&devices=1&runs=20&partition=werkbank",
        "mina",
    ),
    "application-full-plan": ("/applications/FULL_DRAFT_ID/parts/plan", "rolf"),
    "application-full-check": ("/applications/FULL_DRAFT_ID/check", "rolf"),
    "application-awarded": ("/applications/APPLICATION_ID", "mina"),
    "application-refused": ("/applications/REFUSED_ID", "rolf"),
    "application-appealed": ("/applications/APPEALED_ID", "rolf"),
    "application-submitted": ("/applications/WAITING_ID", "rolf"),
    "incidents": ("/incidents", ""),
    "incidents-operator": ("/incidents", "theo"),
    "incident": ("/incidents/INCIDENT_ID", ""),
    "incident-operator": ("/incidents/INCIDENT_ID", "theo"),
    "incident-new": ("/incidents/new", "theo"),
    "nodes": ("/nodes/werkbank", "theo"),
    "node": ("/nodes/werkbank/werkbank-01", "theo"),
    "agents": ("/sites/agents", "theo"),
    "reservations": ("/reservations", "mina"),
    "reservations-officer": ("/reservations", "olga"),
    "clusters": ("/clusters", "theo"),
    "cluster": ("/clusters/werkstatt", "theo"),
    "cluster-accounts": ("/clusters/werkstatt/accounts", "theo"),
    "cluster-guarantees": ("/clusters/werkstatt/guarantees", ""),
    "cluster-auditor": ("/clusters/werkstatt", "aishe"),
    "programme": ("/programme", "olga"),
    "programme-assess": ("/programme/WAITING_ID", "olga"),
    "programme-award": ("/programme/ASSESSED_ID", "olga"),
    "calls": ("/programme/calls", "olga"),
    "call": ("/programme/calls/ROUND_CALL", "olga"),
    "call-choose": ("/programme/calls/new", "olga"),
    "call-new": ("/programme/calls/new?mode=ai-for-science&partition=werkbank", "olga"),
    "modes": ("/programme/modes", "olga"),
    "mode": ("/programme/modes/large-scale", "olga"),
    "mode-new": ("/programme/modes/large-scale/new", "olga"),
    "mergers": ("/mergers", "olga"),
    "appeals": ("/appeals", "olga"),
    "programme-appeal": ("/programme/APPEALED_ID", "otto"),
    "aid": ("/aid", "olga"),
    "public-figures": ("/figures", ""),
    "programme-figures": ("/programme/figures?by=size_class&by=month", "olga"),
    "figure-applications": ("/programme/figures/applications?stage=submitted", "olga"),
    "figure-projects": ("/programme/figures/projects", "olga"),
    "project": ("/projects/PROJECT", "mina"),
    "project-changes": ("/projects/PROJECT/changes", "mina"),
    "changes": ("/changes", "olga"),
    "project-officer": ("/projects/PROJECT", "olga"),
    "project-starting": ("/projects/STARTING_ID", "carla"),
    "project-starting-officer": ("/projects/STARTING_ID", "olga"),
    "project-ended": ("/projects/ENDED_ID", "berta"),
    "report": ("/projects/PROJECT/report", "mina"),
    "report-interim": ("/projects/PROJECT/report?kind=interim", "mina"),
    "report-decision": ("/projects/ENDED_ID/report", "olga"),
    "reports": ("/reports", "olga"),
    "jobs": ("/jobs", "mina"),
    "job-new": ("/projects/PROJECT/jobs/new", "mina"),
    "job-file": ("/projects/PROJECT/jobs/new?with=file", "mina"),
    "job-running": ("/jobs/RUNNING_JOB", "mina"),
    "job-pending": ("/jobs/PENDING_JOB", "mina"),
    "job-done": ("/jobs/DONE_JOB", "mina"),
    "models": ("/models", "mina"),
    "model": ("/models/MODEL_ID", "mina"),
    "messages": ("/messages", "mina"),
    "messages-none": ("/messages", "nina"),
    "mail": ("/mail?all=1", "olga"),
    "tokens": ("/settings/tokens", "mina"),
    "audit": ("/audit?verify=1", "aishe"),
    "audit-decisions": ("/audit?recompute=1", "aishe"),
    "what-if": ("/what-if", "olga"),
    "home-reviewer": ("/home", "xenia"),
    "reviews": ("/reviews", "xenia"),
    "reviewer-profile": ("/reviews/profile", "xenia"),
    "review-invitation": ("/reviews/INVITED_ID", "xenia"),
    "review-writing": ("/reviews/WRITING_ID", "xenia"),
    "review-submitted": ("/reviews/RANKED_ID", "xenia"),
    "rounds": ("/rounds", "olga"),
    "panel": ("/rounds/ROUND_CALL/CUT_OFF", "olga"),
    "panel-reviewers": ("/rounds/ROUND_CALL/CUT_OFF/reviewers", "olga"),
    "programme-panel": ("/programme/RANKED_ID", "olga"),
    "programme-experts": ("/programme/WRITING_ID", "olga"),
    "application-experts": ("/applications/WRITING_ID", "rolf"),
}
KEY_PAGES = ("front", "check-eligible", "application-project", "job-running", "promises", "project")


def address(name: str, ids: dict[str, str]) -> str:
    """Return the address of a page with the ids of this world."""
    path = PAGES[name][0]
    for key, value in ids.items():
        path = path.replace(f"/{key.upper()}", f"/{value}")
    return path
