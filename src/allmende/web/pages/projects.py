"""Projects: the budget, the jobs, the models, the people; and the office's hand on the brake."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from allmende.domain.access.projects import Project, ProjectState, can_run
from allmende.domain.accounting.allocations import Budget
from allmende.domain.basics.people import Person
from allmende.domain.training.sessions import USUAL_SESSION
from allmende.domain.trust.permissions import Permission, can_do, is_member
from allmende.services import (
    budgets,
    burn_downs,
    jobs,
    mergers,
    models,
    onboarding,
    people,
    projects,
    reports,
    runs,
    usage_views,
)
from allmende.web.acting import begin_deed, get_person
from allmende.web.bars import draw_bar
from allmende.web.burn_downs import draw_burn_down
from allmende.wiring import now, workshop
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.factory import load_factory

SHOWN_MAX = 20
USAGE_MAX = 5
OVER = (ProjectState.ENDED, ProjectState.CLOSED)


def show_project(request: HttpRequest, project_id: str) -> HttpResponse:
    """Show everything about a project."""
    reader = get_person(request)
    project = projects.get_project(reader, project_id)
    is_own = projects.is_own(reader, organisation_id=project.organisation_id, project_id=project.id)
    colleagues = is_member(reader, project.organisation_id)
    members = people.list_members(reader, project.organisation_id) if colleagues else []
    may_brake = can_do(reader, Permission.SUSPEND_PROJECT)
    found = burn_downs.find_burn_down(reader, project, now=now(), factory=load_factory())
    held = budgets.list_budgets(reader, project_id)
    held.sort(key=lambda budget: budget.partition_id != project.partition_id)  # its own first
    context = {
        "project": project,
        "found": found,
        "elsewhere": burn_downs.list_elsewhere(project, held, now=now(), factory=load_factory()),
        "drawing": draw_burn_down(found.burn) if found else None,
        "method": burn_downs.METHOD,
        "is_over": project.state in OVER or now() >= project.period.ends_at,
        "bars": [draw_bar(budget) for budget in held],
        "jobs": runs.beside_progress(
            jobs.list_jobs(reader, project_id=project_id, limit=SHOWN_MAX),
            backend_of=workshop().backend_of,
        ),
        "models": models.list_models(reader, project_id=project_id, limit=SHOWN_MAX),
        **_show_usage(reader, project, held),
        "members": [each for each in members if each.id in project.member_ids],
        "merger": mergers.find_merger(project.organisation_id),
        "report": reports.date_report(project, rules=load_access_rules(), now=now()),
        "can_submit": can_run(project, now=now())
        and is_own
        and can_do(reader, Permission.SUBMIT_JOB),
        "session": USUAL_SESSION if USUAL_SESSION in workshop().blueprints else "",
        "can_suspend": may_brake and project.state is ProjectState.ACTIVE,
        "can_resume": may_brake and project.state is ProjectState.SUSPENDED,
        **_show_onboarding(reader, project, colleagues=colleagues),
    }
    return render(request, "projects/show.html", context)


def _show_usage(reader: Person, project: Project, held: list[Budget]) -> dict[str, Any]:
    places = {project.partition_id, *(budget.partition_id for budget in held)}
    lines = usage_views.list_project_usage(
        reader, project.id, factory=load_factory(), now=now(), limit=USAGE_MAX
    )
    on_slurm = any(load_factory().get_partition(place).is_on_slurm for place in places)
    return {"usage": lines, "on_slurm": on_slurm}


def _show_onboarding(reader: Person, project: Project, *, colleagues: bool) -> dict[str, Any]:
    if project.state is not ProjectState.ONBOARDING:
        return {}
    found = onboarding.view_onboarding(project, rules=load_access_rules(), now=now())
    return {
        "onboarding": found,
        "steps": [
            (
                step,
                found.names.get(step.ticked_by, ""),
                not step.is_done
                and step.seen_as is None
                and onboarding.can_tick(reader, project, step),
            )
            for step in found.steps
        ],
        "can_activate": colleagues and found.is_done,
    }


@require_POST
def activate_project(request: HttpRequest, project_id: str) -> HttpResponse:
    """Finish the onboarding."""
    onboarding.activate_project(begin_deed(request), project_id, rules=load_access_rules())
    return redirect("project", project_id)


@require_POST
def tick_step(request: HttpRequest, project_id: str, step_id: str) -> HttpResponse:
    """Tick a step of the onboarding."""
    onboarding.tick_step(begin_deed(request), project_id, step_id, rules=load_access_rules())
    return redirect("project", project_id)


@require_POST
def suspend_project(request: HttpRequest, project_id: str) -> HttpResponse:
    """Stop a project from running further jobs."""
    projects.suspend_project(begin_deed(request), project_id, why=request.POST.get("why", ""))
    return redirect("project", project_id)


@require_POST
def resume_project(request: HttpRequest, project_id: str) -> HttpResponse:
    """Let a project run jobs again."""
    projects.resume_project(begin_deed(request), project_id)
    return redirect("project", project_id)
