"""The work under an award: members, state and budget."""

from typing import Annotated

import typer

from allmende import wiring
from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, say, show
from allmende.domain.access.projects import Project
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import allocations, burn_downs, onboarding, people, projects
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.factory import load_factory

app = typer.Typer()
onboarding_app = typer.Typer(no_args_is_help=True, help="What a project does before it starts.")
app.add_typer(onboarding_app, name="onboarding")

BURN_DOWN_COLUMNS = (
    *("unit", "starts_at", "ends_at", "awarded_seconds", "used_seconds", "running_seconds"),
    *("committed_seconds", "expired_seconds", "left_seconds", "nodes_at_once"),
    *("possible_seconds", "certainly_lost_seconds", "lost_seconds_least", "lost_seconds_most"),
    *("used_up_at", "method", "advice", "priority", "priority_until", "priority_back_at"),
    *("priority_sentence", "account_ids"),
)
STEP_COLUMNS = ("id", "names", "done_by", "is_done", "ticked_at", "ticked_by")
COLUMNS = ("id", "name", "state", "group_id", "partition_id", "period", "member_ids")


@app.command("list")
def list_projects(after: str = "", limit: int = 100, json: AsJson = False) -> None:
    """List the projects that you may see."""
    found = projects.list_projects(acting_person(), after=after, limit=limit)
    empty = Sentence("No project yet. It begins with a call.")
    show(found, json=json, columns=COLUMNS, empty=empty)


@app.command("show")
def show_project(project_id: str, json: AsJson = False) -> None:
    """Show one project, until when its jobs have normal priority, and its time elsewhere."""
    reader = acting_person()
    project = projects.get_project(reader, project_id)
    _show(project, json=json)
    if not json and can_do(reader, Permission.SEE_BUDGET):
        factory, now = load_factory(), wiring.now()
        found = burn_downs.find_burn_down(reader, project, now=now, factory=factory)
        if found is not None:
            say(found.priority.sentence)
        held = allocations.list_budgets(reader, project_id)
        for each in burn_downs.list_elsewhere(project, held, now=now, factory=factory):
            say(each.sentence)


@app.command("budget")
def show_budget(project_id: str, json: AsJson = False) -> None:
    """Show what was awarded, held, consumed, refunded, expired and what is left."""
    show(allocations.list_budgets(acting_person(), project_id), json=json)


@app.command("burn-down")
def show_burn_down(
    project_id: str,
    partition: Annotated[str, typer.Option(help="Another one that it has time on.")] = "",
    with_seconds: Annotated[
        int, typer.Option(min=0, help="Say the priority with a job more, which would hold so much.")
    ] = 0,
    json: AsJson = False,
) -> None:
    """Show used, running and left hours against the calendar, and what to do about it."""
    found = burn_downs.get_burn_down(
        acting_person(),
        project_id,
        now=wiring.now(),
        factory=load_factory(),
        and_seconds=with_seconds,
        partition_id=partition,
    )
    show(burn_downs.list_figures(found), json=json, columns=BURN_DOWN_COLUMNS)


@app.command("add-member")
def add_member(project_id: str, person: str, json: AsJson = False) -> None:
    """Let a person (id or e-mail address) work in a project."""
    person_id = people.get_person_by_name(person).id
    _show(projects.add_member(acting_deed(), project_id, person_id=person_id), json=json)


@app.command("remove-member")
def remove_member(project_id: str, person: str, json: AsJson = False) -> None:
    """End a person's work in a project."""
    person_id = people.get_person_by_name(person).id
    _show(projects.remove_member(acting_deed(), project_id, person_id=person_id), json=json)


@app.command("activate")
def activate_project(project_id: str, json: AsJson = False) -> None:
    """Finish the onboarding."""
    started = onboarding.activate_project(acting_deed(), project_id, rules=load_access_rules())
    _show(started, json=json)


@onboarding_app.command("show")
def show_onboarding(project_id: str, json: AsJson = False) -> None:
    """Show what is done, what is open and who does it, and when the time starts."""
    found = onboarding.get_onboarding(
        acting_person(), project_id, rules=load_access_rules(), now=wiring.now()
    )
    if json:
        show(found, json=True)
        return
    show(found.steps, columns=STEP_COLUMNS, empty=Sentence("This project has no steps to do."))
    say(found.clock)


@onboarding_app.command("done")
def tick_step(project_id: str, step_id: str, json: AsJson = False) -> None:
    """Say that a step is done that is yours to tick."""
    rules = load_access_rules()
    _show(onboarding.tick_step(acting_deed(), project_id, step_id, rules=rules), json=json)


@app.command("suspend")
def suspend_project(
    project_id: str,
    why: Annotated[str, typer.Option(help="The members read it.")],
    json: AsJson = False,
) -> None:
    """Stop a project from running further jobs."""
    _show(projects.suspend_project(acting_deed(), project_id, why=why), json=json)


@app.command("resume")
def resume_project(project_id: str, json: AsJson = False) -> None:
    """Let a suspended project run jobs again."""
    _show(projects.resume_project(acting_deed(), project_id), json=json)


@app.command("end")
def end_project(project_id: str, json: AsJson = False) -> None:
    """End a project; what it did not use expires."""
    _show(projects.end_project(acting_deed(), project_id, rules=load_access_rules()), json=json)


def _show(project: Project, *, json: bool) -> None:
    show(project, json=json, columns=COLUMNS)
