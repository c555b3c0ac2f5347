"""Watching a job: the part of its page that changes, and its log: what is new, all, or found."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import render

from allmende import wiring
from allmende.domain.basics.people import Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.jobs import LIFECYCLE, StopRequest
from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import (
    brokering,
    forecasts,
    jobs,
    projects,
    runs,
    session_passes,
    sessions,
    tallies,
)
from allmende.web.acting import get_person
from allmende.web.curves import draw_curves
from allmende.wiring.access_rules import load_access_rules

TAIL_BYTES = 16_000
LONGEST_FIND = 200
# Each rendering masks the token of its forms anew: to compare two of them it is left out.
TOKENS = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]*"')


def show_job_live(request: HttpRequest, job_id: str) -> HttpResponse:
    """Return the part of the job page that changes while it runs; 304 where nothing changed."""
    context = live_context(get_person(request), job_id)
    response = render(request, "jobs/live.html", context | {"is_live": True})
    digest = hashlib.sha256(TOKENS.sub(b"", response.content)).hexdigest()[:32]
    if context["is_over"]:
        response["Job-Over"] = "1"
    return _answer(request, response, tag=digest)


def read_new_log(request: HttpRequest, job_id: str) -> HttpResponse:
    """Return what the newest attempt wrote since an offset, to members; 304 where it wrote nothing.

    Of much that is new only the end is shown; who had another attempt gets this one from its end.
    """
    reader, backend_of = get_person(request), wiring.workshop().backend_of
    number = jobs.get_job(reader, job_id).job.attempts
    offset, known = _number(request, "offset"), _number(request, "attempt")
    tail = runs.find_log_tail(
        reader, job_id, attempt=number, most_bytes=TAIL_BYTES, backend_of=backend_of
    )
    goes_on = known == number and tail <= offset
    begin = offset if goes_on else tail
    part = runs.read_job_log(reader, job_id, attempt=number, offset=begin, backend_of=backend_of)
    facts = {
        "attempt": number,
        "text": part.text,
        "next_offset": part.next_offset,
        "goes_on": goes_on,
    }
    return _answer(request, JsonResponse(facts), tag=f"{number}.{part.next_offset}")


def download_log(request: HttpRequest, job_id: str, number: int) -> HttpResponseBase:
    """Hand out the whole log of an attempt, to its members, piece by piece."""
    pieces = runs.stream_log(
        get_person(request), job_id, attempt=number, backend_of=wiring.workshop().backend_of
    )
    response = StreamingHttpResponse(pieces, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{job_id}.{number}.log"'
    return response


def live_context(reader: Person, job_id: str, *, is_first_sight: bool = False) -> dict[str, Any]:
    """Return what the changing part of a job's page says."""
    view = jobs.get_job(reader, job_id)
    workshop, now = wiring.workshop(), wiring.now()
    job, attempts = view.job, view.attempts
    partition = workshop.factory.get_partition(job.partition_id)
    progress = runs.get_progress(reader, job_id, backend_of=workshop.backend_of)
    is_over = LIFECYCLE.is_final(job.state)
    sees_output = projects.is_own(
        reader, organisation_id=job.organisation_id, project_id=job.project_id
    )
    curves = runs.list_curves(reader, job_id, backend_of=workshop.backend_of) if sees_output else []
    return {
        "job": job,
        "attempts": attempts,
        "unit": partition.unit,
        "is_over": is_over,
        "is_stopping": job.stop_request is not StopRequest.NONE and not is_over,
        "is_session": sessions.is_session(job, workshop),
        "can_open": session_passes.can_open(reader, job, workshop),
        "can_stop": not is_over and can_do(reader, Permission.STOP_JOB),
        "can_repeat": is_over and sees_output and can_do(reader, Permission.RUN_JOB_AGAIN),
        "progress": progress,
        "forecast": _say_forecast(reader, job_id, is_first_sight=is_first_sight),
        "announced_percent": progress.percent // 10 * 10,
        "curves": draw_curves(curves),
        "events": jobs.list_job_events(reader, job_id),
        "choices": brokering.list_choices(reader, job_id)[::-1],
        "tally": tallies.count_up(view, partition, book=load_access_rules().book, now=now),
        "sees_log": bool(attempts) and sees_output,
        "last_attempt": attempts[-1].number if attempts else 0,
    }


def log_context(
    reader: Person, job_id: str, *, find: str, context: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the end of the log, and the lines that were looked for."""
    if not context["sees_log"]:
        return {}
    backend_of = wiring.workshop().backend_of
    begin = runs.find_log_tail(reader, job_id, most_bytes=TAIL_BYTES, backend_of=backend_of)
    part = runs.read_job_log(reader, job_id, offset=begin, backend_of=backend_of)
    find = find[:LONGEST_FIND]
    found = runs.search_log(reader, job_id, find, backend_of=backend_of) if find else []
    return {
        "log": part.text,
        "log_offset": part.next_offset,
        "log_is_cut": begin > 0,
        "find": find,
        "found": found,
        "found_more": len(found) == runs.MOST_FOUND_LINES,
    }


def _say_forecast(reader: Person, job_id: str, *, is_first_sight: bool) -> Sentence | None:
    now = wiring.now()
    if is_first_sight and forecasts.takes_long(reader, job_id, now=now):
        return Sentence("Many jobs wait, so this takes a few seconds. Then it stands here.")
    forecast = forecasts.recall_forecast(reader, job_id, now=now, workshop=wiring.workshop())
    return forecasts.say_forecast(forecast) if forecast else None


def _answer(request: HttpRequest, response: HttpResponse, *, tag: str) -> HttpResponse:
    if request.headers.get("If-None-Match") == f'"{tag}"':
        unchanged = HttpResponse(status=304)
        unchanged["ETag"] = f'"{tag}"'
        return unchanged
    response["ETag"] = f'"{tag}"'
    response["Cache-Control"] = "no-store"
    return response


def _number(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text, re.ASCII) else 0
