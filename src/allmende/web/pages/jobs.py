"""Jobs: the list, the form, the live page, and the buttons."""

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from allmende import wiring
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.jobs import LIFECYCLE, StopRequest
from allmende.domain.training.blueprints import InvalidParams, find_blueprint
from allmende.domain.training.job_files import InvalidJobFile, JobSpec, parse_job_file
from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import (
    brokering,
    budgets,
    forecasts,
    jobs,
    models,
    previews,
    projects,
    runs,
    submissions,
    sweeps,
)
from allmende.services.previews import Preview
from allmende.web.acting import begin_deed, get_person
from allmende.web.curves import draw_curves
from allmende.web.forms.jobs import BlueprintForm, JobFileForm
from allmende.wiring.languages import translate

Answer = TypeVar("Answer")
PAGE_SIZE = 30
TAIL_LETTERS = 16_000
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
    """Show the jobs that the reader may see, the newest first; all of a sweep on one page."""
    reader, sweep_id = get_person(request), request.GET.get("sweep", "")
    size = sweeps.MOST_JOBS if sweep_id else PAGE_SIZE
    after = request.GET.get("after", "")
    found = jobs.list_jobs(reader, sweep_id=sweep_id, after=after, limit=size + 1)
    is_alive = any(not LIFECYCLE.is_final(job.state) for job in found)
    shown = sorted(found, key=lambda job: job.sweep_index) if sweep_id else found[:size]
    context = {
        "jobs": shown,
        "more": found[size - 1].id if len(found) > size else "",
        "sweep_id": sweep_id,
        "can_cancel": sweep_id and is_alive and can_do(reader, Permission.CANCEL_JOB),
    }
    return render(request, "jobs/list.html", context)


def show_job(request: HttpRequest, job_id: str) -> HttpResponse:
    """Show everything about a job."""
    reader = get_person(request)
    context = _live_context(reader, job_id, is_first_sight=True)
    job = context["job"]
    context |= {
        "project": projects.get_project(reader, job.project_id),
        "model": models.find_model_of_job(reader, job_id),
        "again_key": wiring.new_id("k"),
    }
    return render(request, "jobs/show.html", context)


def show_job_live(request: HttpRequest, job_id: str) -> HttpResponse:
    """Return the part of the job page that changes while it runs."""
    return render(request, "jobs/live.html", _live_context(get_person(request), job_id))


def _live_context(reader: Person, job_id: str, *, is_first_sight: bool = False) -> dict[str, Any]:
    view = jobs.get_job(reader, job_id)
    backend_of = wiring.workshop().backend_of
    job, attempts = view.job, view.attempts
    progress = runs.get_progress(reader, job_id, backend_of=backend_of)
    is_over = LIFECYCLE.is_final(job.state)
    sees_output = projects.is_own(
        reader, organisation_id=job.organisation_id, project_id=job.project_id
    )
    sees_log = bool(attempts) and sees_output
    last = attempts[-1].number if attempts else 0
    curves = runs.list_curves(reader, job_id, backend_of=backend_of) if sees_output else []
    return {
        "job": job,
        "attempts": attempts,
        "unit": wiring.workshop().factory.get_partition(job.partition_id).unit,
        "is_over": is_over,
        "is_stopping": job.stop_request is not StopRequest.NONE and not is_over,
        "can_stop": not is_over and can_do(reader, Permission.STOP_JOB),
        "can_repeat": is_over and sees_output and can_do(reader, Permission.RUN_JOB_AGAIN),
        "progress": progress,
        "forecast": _say_forecast(reader, job_id, is_first_sight=is_first_sight),
        "announced_percent": progress.percent // 10 * 10,
        "curves": draw_curves(curves),
        "events": jobs.list_job_events(reader, job_id),
        "choices": brokering.list_choices(reader, job_id)[::-1],
        "used_seconds": sum(attempt.used_seconds for attempt in attempts),
        "refunded_seconds": sum(attempt.refunded_seconds for attempt in attempts),
        "energy_joules": sum(attempt.energy_joules for attempt in attempts),
        "energy_methods": sorted({a.energy_method for a in attempts if a.energy_method}),
        "energy_scopes": sorted({a.energy_scope for a in attempts if a.energy_scope}),
        "log": _tail(_read_log(reader, job_id, last)) if sees_log else "",
        "sees_log": sees_log,
        "last_attempt": last,
    }


def _say_forecast(reader: Person, job_id: str, *, is_first_sight: bool) -> Sentence | None:
    now = wiring.now()
    if is_first_sight and forecasts.takes_long(reader, job_id, now=now):
        return Sentence("Many jobs wait, so this takes a few seconds. Then it stands here.")
    forecast = forecasts.recall_forecast(reader, job_id, now=now, workshop=wiring.workshop())
    return forecasts.say_forecast(forecast) if forecast else None


def download_log(request: HttpRequest, job_id: str, number: int) -> HttpResponse:
    """Hand out the whole log of an attempt, to the members of its organisation."""
    reader = get_person(request)
    content = _read_log(reader, job_id, number)
    response = HttpResponse(content, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{job_id}.{number}.log"'
    return response


def _read_log(reader: Person, job_id: str, number: int) -> str:
    backend_of, text, offset = wiring.workshop().backend_of, "", 0
    while True:
        part = runs.read_job_log(
            reader, job_id, attempt=number, offset=offset, backend_of=backend_of
        )
        text += part.text
        if part.is_whole or part.next_offset == offset:
            return text
        offset = part.next_offset


def _tail(text: str) -> str:
    tail = text[-TAIL_LETTERS:]
    return tail if len(text) <= TAIL_LETTERS else tail[tail.find("\n") + 1 :]


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


def new_job(request: HttpRequest, project_id: str) -> HttpResponse:
    """Offer the form of a job, and submit it."""
    reader, workshop = get_person(request), wiring.workshop()
    project = projects.get_project(reader, project_id)
    form = _job_form(request, limit_seconds=_limit_seconds(project.partition_id))
    asks, preview = "when" in request.POST, None
    if request.method == "POST" and form.is_valid():
        if asks:
            preview = _preview(reader, form, project_id)
        else:
            submitted = _submit(request, form, project_id)
            if len(submitted) == 1:
                return redirect("job", submitted[0].id)
            if submitted:
                return redirect(f"{reverse('jobs')}?sweep={submitted[0].sweep_id}")
    names = {each.id: each.name for each in workshop.factory.partitions}
    context = {
        "form": form,
        "project": project,
        "is_file": isinstance(form, JobFileForm),
        "blueprints": workshop.blueprints.values(),
        "blueprint": getattr(form, "blueprint", None),
        "client_key": request.POST.get("client_key") or wiring.new_id("k"),
        "budgets": [
            (names.get(budget.partition_id, budget.partition_id), budget)
            for budget in budgets.list_budgets(reader, project_id)
        ],
        "asks": asks,
        "preview": preview,
    }
    # A part of the page is only put in its place when all is well with the answer.
    status = 422 if form.errors and "HX-Request" not in request.headers else 200
    return render(request, "jobs/new.html", context, status=status)


def _limit_seconds(partition_id: str) -> int:
    return wiring.workshop().factory.get_partition(partition_id).max_time_limit_seconds


def _job_form(request: HttpRequest, *, limit_seconds: int) -> BlueprintForm | JobFileForm:
    data = request.POST if request.method == "POST" else None
    if request.GET.get("with") == "file":
        return JobFileForm(data, initial={"text": EXAMPLE})
    blueprints = wiring.workshop().blueprints
    wanted = request.GET.get("blueprint") or next(iter(blueprints))
    blueprint = find_blueprint(blueprints, wanted)
    initial = {
        "name": blueprint.id,
        "minutes": max(1, limit_seconds // 60 // 2),
        "data_class": blueprint.data[0].data_class if blueprint.data else "internal",
    }
    return BlueprintForm(data, blueprint=blueprint, initial=initial)


def _submit(
    request: HttpRequest, form: BlueprintForm | JobFileForm, project_id: str
) -> list[jobs.Job]:
    def submit(spec: JobSpec) -> list[jobs.Job]:
        return submissions.submit_job(
            begin_deed(request),
            spec,
            project_id=project_id,
            client_key=request.POST.get("client_key") or wiring.new_id("k"),
            workshop=wiring.workshop(),
        )

    return _with_file(form, submit) or []


def _preview(
    reader: Person, form: BlueprintForm | JobFileForm, project_id: str
) -> dict[str, Any] | None:
    """Return what the form as it stands would mean, in words and figures."""

    def preview(spec: JobSpec) -> Preview:
        return previews.preview_job(
            reader, spec, project_id=project_id, now=wiring.now(), workshop=wiring.workshop()
        )

    found = _with_file(form, preview)
    if found is None:
        return None
    first, *others = found.options
    return {
        "found": found,
        "when": forecasts.say_forecast(first.forecast),
        "sooner": [previews.say_option(option) for option in others],
    }


def _with_file(
    form: BlueprintForm | JobFileForm, work: Callable[[JobSpec], Answer]
) -> Answer | None:
    """Return what comes of the form's job file; what is refused is told at its fields."""
    is_file = isinstance(form, JobFileForm)
    try:
        return work(parse_job_file(form.cleaned_data["text"] if is_file else form.to_job_file()))
    except (InvalidJobFile, InvalidParams) as refusal:
        form.add_findings(refusal.findings)
    except Refusal as refusal:
        if refusal.status in (401, 403, 404):
            raise
        form.add_error(None, forms.ValidationError(translate(refusal.sentence)))
    return None
