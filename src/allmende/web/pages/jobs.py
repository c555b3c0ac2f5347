"""Jobs: the list, the form, the page of a job, and the buttons."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from allmende import wiring
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.jobs import LIFECYCLE
from allmende.domain.training.blueprints import (
    InvalidParams,
    NoSuchBlueprint,
    find_blueprint,
    list_simplest_first,
    suggest_seconds,
)
from allmende.domain.training.code_archives import MOST_PACKED_BYTES, PackedFolderIsTooLarge
from allmende.domain.training.fields import Finding, render_value
from allmende.domain.training.job_files import DATA_CLASSES, InvalidJobFile
from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import (
    budgets,
    check_sheets,
    code_archives,
    job_checks,
    jobs,
    models,
    projects,
    runs,
    submissions,
    sweeps,
)
from allmende.services.job_checks import JobCheck
from allmende.services.job_files import read_job_file
from allmende.web.acting import begin_deed, get_person
from allmende.web.forms.jobs import BlueprintForm, JobFileForm
from allmende.web.pages.job_watching import live_context, log_context
from allmende.web.pages.sessions import session_context
from allmende.web.uploads import takes_file
from allmende.web.wording import write_measure
from allmende.wiring.code_archives import shelves
from allmende.wiring.code_uploads import pack_upload
from allmende.wiring.languages import translate

Answer = TypeVar("Answer")
PAGE_SIZE = 30
# What a check tells, by topic, in its order.
TOPICS = {
    "place": _("Where"),
    "nodes": _("Nodes"),
    "time": _("It holds"),
    "budget": _("Budget"),
    "money": _("Price"),
    "energy": _("Energy"),
    "data": _("Data"),
    "environment": _("Environment"),
    "code": _("Code"),
    "checkpoints": _("Checkpoints"),
    "priority": _("Priority"),
}
EXAMPLE = """\
name: my-first-training
blueprint: medicine
params:
  steps: 4000
sweep:
  hidden_units: [16, 32]
max_duration: 2m
data_class: public
record:
  licence: Apache-2.0
"""


def list_jobs(request: HttpRequest) -> HttpResponse:
    """Show the jobs that the reader may see, the newest first; those of a sweep side by side."""
    reader = get_person(request)
    if "sweep" in request.GET:
        return _show_sweep(request, reader, request.GET["sweep"])
    found = jobs.list_jobs(reader, after=request.GET.get("after", ""), limit=PAGE_SIZE + 1)
    more = found[PAGE_SIZE - 1].id if len(found) > PAGE_SIZE else ""
    rows = runs.beside_progress(found[:PAGE_SIZE], backend_of=wiring.workshop().backend_of)
    return render(request, "jobs/list.html", {"jobs": rows, "more": more})


def _show_sweep(request: HttpRequest, reader: Person, sweep_id: str) -> HttpResponse:
    rows = sweeps.compare_jobs(reader, sweep_id, backend_of=wiring.workshop().backend_of)
    is_alive = any(not LIFECYCLE.is_final(row.job.state) for row in rows)
    context = {
        "rows": [
            {
                "job": row.job,
                # As the job file writes them: they are typed again in the next one.
                "values": [f"{name}: {render_value(value)}" for name, value in row.values.items()],
                "progress": row.progress,
                "metrics": [
                    (name, write_measure(value)) for name, value in row.progress.metrics.items()
                ],
            }
            for row in rows
        ],
        "sweep_id": sweep_id,
        "can_cancel": is_alive and can_do(reader, Permission.CANCEL_JOB),
    }
    return render(request, "jobs/sweep.html", context)


def show_job(request: HttpRequest, job_id: str) -> HttpResponse:
    """Show everything about a job."""
    reader = get_person(request)
    context = live_context(reader, job_id, is_first_sight=True)
    job = context["job"]
    context |= log_context(reader, job_id, find=request.GET.get("find", ""), context=context)
    context |= {
        "project": projects.get_project(reader, job.project_id),
        "model": models.find_model_of_job(reader, job_id),
        "again_key": wiring.new_id("k"),
        "files": session_context(reader, context),
    }
    return render(request, "jobs/show.html", context)


@require_POST
def cancel_job(request: HttpRequest, job_id: str) -> HttpResponse:
    """Cancel a job."""
    jobs.cancel_job(begin_deed(request), job_id)
    return redirect("job", job_id)


@require_POST
def cancel_sweep(request: HttpRequest, sweep_id: str) -> HttpResponse:
    """Cancel all jobs of a sweep or an array."""
    sweeps.cancel_sweep(begin_deed(request), sweep_id)
    return redirect(f"{reverse('jobs')}?sweep={sweep_id}")


@require_POST
def stop_job(request: HttpRequest, job_id: str) -> HttpResponse:
    """Stop a job after its next checkpoint."""
    jobs.stop_job(begin_deed(request), job_id)
    return redirect("job", job_id)


@require_POST
def run_job_again(request: HttpRequest, job_id: str) -> HttpResponse:
    """Submit the same job file once more."""
    again = submissions.run_job_again(
        begin_deed(request),
        job_id,
        client_key=request.POST.get("client_key") or wiring.new_id("k"),
        workshop=wiring.workshop(),
    )
    return redirect("job", again.id)


@takes_file(MOST_PACKED_BYTES, PackedFolderIsTooLarge)
def new_job(request: HttpRequest, project_id: str) -> HttpResponse:
    """Offer the form of a job, and submit it."""
    reader, workshop = get_person(request), wiring.workshop()
    project = projects.get_project(reader, project_id)
    form = _job_form(request, attempt_seconds=_attempt_seconds(project.partition_id))
    asks, checked = "check" in request.POST, None
    if isinstance(form, JobFileForm) and form.is_bound:
        _bring_folder(request, form, project_id)
    if request.method == "POST" and form.is_valid():
        if asks:
            checked = _check(reader, form, project_id)
        else:
            submitted = _submit(request, form, project_id)
            if len(submitted) == 1:
                return redirect("job", submitted[0].id)
            if submitted:
                return redirect(f"{reverse('jobs')}?sweep={submitted[0].sweep_id}")
    names = {each.id: each.name for each in workshop.factory.partitions}
    blueprint = getattr(form, "blueprint", None)
    context = {
        "form": form,
        "project": project,
        "is_file": isinstance(form, JobFileForm),
        "blueprints": list_simplest_first(workshop.blueprints),
        "blueprint": blueprint,
        "lacks_data": blueprint
        and blueprint.needed_data
        and not workshop.data_sets.keys() & set(blueprint.needed_data),
        "client_key": request.POST.get("client_key") or wiring.new_id("k"),
        "budgets": [
            (names.get(budget.partition_id, budget.partition_id), budget)
            for budget in budgets.list_budgets(reader, project_id)
        ],
        "asks": asks,
        "checked": checked,
    }
    # A part of the page is only put in its place when all is well with the answer.
    status = 422 if form.errors and "HX-Request" not in request.headers else 200
    return render(request, "jobs/new.html", context, status=status)


def _bring_folder(request: HttpRequest, form: JobFileForm, project_id: str) -> None:
    """Keep the folder that came with a form for the project; the same again is kept once."""
    form.is_valid()
    file = form.cleaned_data.get("folder")
    if file is None:
        return
    deed = begin_deed(request)
    code_archives.check_may_send(deed.actor, project_id)
    try:
        with (
            pack_upload(file.temporary_file_path()) as pieces,
            shelves().of(project_id).receive(pieces) as incoming,
        ):
            archive = code_archives.add_archive(
                deed, project_id, incoming=incoming, shelves=shelves()
            )
    except Refusal as refusal:
        if refusal.status in (401, 403, 404):
            raise
        form.add_error("folder", translate(refusal.sentence))
    else:
        form.set_folder(archive)


def _attempt_seconds(partition_id: str) -> int:
    return wiring.workshop().factory.get_partition(partition_id).max_time_limit_seconds


def _job_form(request: HttpRequest, *, attempt_seconds: int) -> BlueprintForm | JobFileForm:
    data = request.POST if request.method == "POST" else None
    if request.GET.get("with") == "file":
        return JobFileForm(data, request.FILES or None, initial={"text": EXAMPLE})
    workshop = wiring.workshop()
    wanted = request.GET.get("blueprint") or list_simplest_first(workshop.blueprints)[0].id
    blueprint, catalogue = find_blueprint(workshop.blueprints, wanted), workshop.data_sets
    named = [name for name in blueprint.needed_data if name in catalogue]
    classes = [source.data_class for source in blueprint.data] or ["internal"]
    classes += [catalogue[name].data_class.value for name in named]
    seconds = suggest_seconds(blueprint.seconds, attempt_seconds=attempt_seconds)
    initial = {
        "name": blueprint.id,
        "minutes": max(1, seconds // 60),
        "data_class": max(classes, key=DATA_CLASSES.index),
        "data": named,
    }
    return BlueprintForm(data, blueprint=blueprint, catalogue=catalogue, initial=initial)


def _submit(
    request: HttpRequest, form: BlueprintForm | JobFileForm, project_id: str
) -> list[jobs.Job]:
    workshop = wiring.workshop()

    def submit(value: Mapping[str, Any]) -> list[jobs.Job]:
        return submissions.submit_job(
            begin_deed(request),
            read_job_file(value, project_id=project_id, workshop=workshop),
            project_id=project_id,
            client_key=request.POST.get("client_key") or wiring.new_id("k"),
            workshop=workshop,
        )

    return _with_file(form, submit) or []


def _check(
    reader: Person, form: BlueprintForm | JobFileForm, project_id: str
) -> dict[str, Any] | None:
    """Return what the form as it stands would take and mean; mistakes are told at its fields."""
    workshop = wiring.workshop()

    def check(value: Mapping[str, Any]) -> JobCheck:
        return job_checks.check_job(
            reader, value, project_id=project_id, now=wiring.now(), workshop=workshop
        )

    found = _with_file(form, check)
    if found is None or found.outlook is None:
        form.add_findings(found.problems if found else ())
        return None
    told = check_sheets.tell(found.outlook, workshop)
    archive = getattr(form, "archive", None)
    if archive is not None:
        facts = {"files": archive.files, "workdir": archive.workdir}
        told["code"] = Sentence("{files} files and folders, kept as {workdir}.", facts)
    return {
        "found": found.outlook.preview,
        "start": told.pop("start"),
        "told": [(TOPICS[topic], sentence) for topic, sentence in told.items()],
        "sooner": check_sheets.list_sooner(found.outlook),
        "warnings": check_sheets.list_warnings(found.outlook, workshop),
    }


def _with_file(
    form: BlueprintForm | JobFileForm, work: Callable[[Mapping[str, Any]], Answer]
) -> Answer | None:
    """Return what comes of the form's job file; what is refused is told at its fields."""
    try:
        return work(form.to_job_file())
    except (InvalidJobFile, InvalidParams) as refusal:
        form.add_findings(refusal.findings)
    except NoSuchBlueprint as refusal:
        form.add_findings([Finding("blueprint", refusal.sentence)])
    except Refusal as refusal:
        if refusal.status in (401, 403, 404):
            raise
        form.add_error(None, forms.ValidationError(translate(refusal.sentence)))
    return None
