"""Trained models: the card, the record, the files."""

import json

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from allmende import wiring
from allmende.services import models, projects
from allmende.web.acting import get_person
from allmende.web.markdown import render_markdown

PAGE_SIZE = 30


def list_models(request: HttpRequest) -> HttpResponse:
    """Show the models that the reader may see, the newest first."""
    after = request.GET.get("after", "")
    found = models.list_models(get_person(request), after=after, limit=PAGE_SIZE + 1)
    more = found[PAGE_SIZE - 1].id if len(found) > PAGE_SIZE else ""
    return render(request, "models/list.html", {"models": found[:PAGE_SIZE], "more": more})


def show_model(request: HttpRequest, model_id: str) -> HttpResponse:
    """Show a model with its card and its training record."""
    reader = get_person(request)
    model = models.get_model(reader, model_id)
    context = {
        "model": model,
        "card": render_markdown(model.card),
        "record": json.dumps(model.record, indent=2, ensure_ascii=False),
        "owns": projects.is_own(
            reader, organisation_id=model.organisation_id, project_id=model.project_id
        ),
    }
    return render(request, "models/show.html", context)


def download_file(request: HttpRequest, model_id: str, name: str) -> HttpResponse:
    """Hand out a file of a model, to its owners."""
    backend_of = wiring.workshop().backend_of
    content = models.read_model_file(get_person(request), model_id, name, backend_of=backend_of)
    response = HttpResponse(content, content_type="application/octet-stream")
    safe = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)
    response["Content-Disposition"] = f'attachment; filename="{safe}"'
    return response


def download_record(request: HttpRequest, model_id: str) -> HttpResponse:
    """Hand out the training record as JSON."""
    model = models.get_model(get_person(request), model_id)
    content = json.dumps(model.record, indent=2, ensure_ascii=False)
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{model_id}-training-record.json"'
    return response
