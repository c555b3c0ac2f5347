"""One's own desk: the next step first, then everything that is one's own."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from allmende.domain.access.applications import WAITING, Application, ApplicationState
from allmende.domain.access.projects import Project, can_run
from allmende.domain.basics.people import PUBLIC, Person, Role
from allmende.domain.scheduling.jobs import Job, JobState
from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import applications, expert_reviews, jobs, models, projects, runs, worklists
from allmende.web.acting import get_person
from allmende.web.errors import ask_to_sign_in
from allmende.wiring import now, workshop

SHOWN_MAX = 10
JOBS_MAX = 5
DRAFT, AWARDED = ApplicationState.DRAFT, ApplicationState.AWARDED


@dataclass(frozen=True)
class Step:
    """The one thing to do next, with the way there."""

    title: str
    text: str
    href: str
    button: str


@dataclass(frozen=True)
class Desk:
    """What a person has to do with."""

    person: Person
    applications: list[Application]
    projects: list[Project]
    jobs: list[Job]
    open_reviews: int


def show_home(request: HttpRequest) -> HttpResponse:
    """Show the desk of whoever is signed in."""
    person = get_person(request)
    if person is PUBLIC:
        return ask_to_sign_in(request)
    desk = _lay_desk(person)
    sees_models = can_do(person, Permission.SEE_MODEL)
    context = {
        "desk": desk,
        "step": _next_step(desk),
        "jobs": runs.beside_progress(desk.jobs, backend_of=workshop().backend_of),
        "models": models.list_models(person, limit=SHOWN_MAX) if sees_models else [],
        "sees_what_if": can_do(person, Permission.SEE_WHAT_IF),
        "sees_mail": can_do(person, Permission.SEE_MAIL),
        "is_staff": can_do(person, Permission.SEE_EVERY_APPLICATION),
        "roles": sorted(role.value for role in person.roles),
    }
    return render(request, "home.html", context)


def _lay_desk(person: Person) -> Desk:
    sees_applications = can_do(person, Permission.SEE_APPLICATION)
    return Desk(
        person=person,
        applications=applications.list_applications(person, limit=SHOWN_MAX)
        if sees_applications
        else [],
        projects=projects.list_projects(person, limit=SHOWN_MAX)
        if can_do(person, Permission.SEE_PROJECT)
        else [],
        jobs=jobs.list_jobs(person, limit=JOBS_MAX) if can_do(person, Permission.SEE_JOB) else [],
        open_reviews=len(expert_reviews.list_open_invitations(person))
        if can_do(person, Permission.SEE_REVIEW)
        else 0,
    )


def _next_step(desk: Desk) -> Step:
    if can_do(desk.person, Permission.SEE_EVERY_APPLICATION):
        return _step_of_staff(desk)
    if can_do(desk.person, Permission.MANAGE_PEOPLE):
        return _step_of_administrator()
    if desk.open_reviews or desk.person.roles == {Role.REVIEWER}:
        return _step_of_reviewer(desk)
    return _step_of_applicant(desk)


def _step_of_staff(desk: Desk) -> Step:
    if can_do(desk.person, Permission.READ_AUDIT):
        return Step(
            _("Look at the evidence"),
            _("Verify the audit trail, or open a promise down to its records."),
            reverse("audit"),
            _("To the audit trail"),
        )
    waiting = worklists.count_waiting(desk.person)
    if waiting:
        return Step(
            ngettext("%(n)s application waits for you", "%(n)s applications wait for you", waiting)
            % {"n": waiting},
            _("Each shows the day by which it has to be decided."),
            reverse("programme"),
            _("To the applications"),
        )
    return Step(
        _("Nothing waits for you"),
        _("Have a look at how the promises stand."),
        reverse("promises"),
        _("To the promises"),
    )


def _step_of_reviewer(desk: Desk) -> Step:
    number = desk.open_reviews
    if not number:
        return Step(
            _("Nothing waits for you"),
            _("Tell the office your fields, so that you are asked for what you know."),
            reverse("reviewer_profile"),
            _("To your profile"),
        )
    return Step(
        ngettext("%(n)s review waits for you", "%(n)s reviews wait for you", number)
        % {"n": number},
        _("You read the application and score it on one page."),
        reverse("reviews"),
        _("To the reviews"),
    )


def _step_of_administrator() -> Step:
    return Step(
        _("Give people their roles"),
        _("Roles are given from the terminal: allmende person give-role."),
        reverse("help"),
        _("Help"),
    )


def _step_of_applicant(desk: Desk) -> Step:
    ready = [project for project in desk.projects if can_run(project, now=now())]
    alive = [job for job in desk.jobs if job.state in (JobState.RUNNING, JobState.PENDING)]
    drafts = [each for each in desk.applications if each.state is DRAFT]
    if alive:
        return Step(
            _("Watch your job: %(name)s") % {"name": alive[0].name},
            _("See how far it is, what it measures, and why it waits if it does."),
            reverse("job", args=[alive[0].id]),
            _("To the job"),
        )
    if ready:
        return Step(
            _("Submit a job"),
            _("Your project %(name)s has compute time.") % {"name": ready[0].name},
            reverse("job_new", args=[ready[0].id]),
            _("New job"),
        )
    if drafts:
        return Step(
            _("Finish your application"),
            _("It is saved as you left it."),
            reverse("application", args=[drafts[0].id]),
            _("Go on"),
        )
    if any(each.state in WAITING for each in desk.applications):
        waiting = next(each for each in desk.applications if each.state in WAITING)
        return Step(
            _("Your application is being decided"),
            _("You need do nothing. The page shows the day by which you will know."),
            reverse("application", args=[waiting.id]),
            _("To the application"),
        )
    return Step(
        _("Find out whether you may apply"),
        _("A few questions, an answer at once, and your answers carry over to the application."),
        reverse("check"),
        _("Start the check"),
    )
