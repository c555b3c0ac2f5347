"""Trained models: the card, the record, the files."""

import json

from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_POST

from allmende import wiring
from allmende.domain.basics.refusals import Refusal
from allmende.domain.training.models import Model
from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import model_papers, model_terms, models
from allmende.web.acting import begin_deed, get_person
from allmende.web.estimate_pictures import draw_estimates
from allmende.web.forms.models import TermsForm
from allmende.web.lineage_pictures import KIND_WORDS, draw_lineage, say_detail
from allmende.web.markdown import render_markdown
from allmende.web.model_files import hand_out_file, hand_out_package, hand_out_record
from allmende.wiring.languages import translate
from allmende.wiring.record_sheets import say_card

PAGE_SIZE = 30


class NameDoesNotMatch(Refusal):
    """To delete the files for good, type the name of the model: {name}"""

    status = 422


def list_models(request: HttpRequest) -> HttpResponse:
    """Show the models that the reader may see, the newest first."""
    after = request.GET.get("after", "")
    found = models.list_models(get_person(request), after=after, limit=PAGE_SIZE + 1)
    more = found[PAGE_SIZE - 1].id if len(found) > PAGE_SIZE else ""
    return render(request, "models/list.html", {"models": found[:PAGE_SIZE], "more": more})


def show_model(request: HttpRequest, model_id: str) -> HttpResponse:
    """Show a model with its card, its history and its record; its owner sets the terms here."""
    reader = get_person(request)
    model = models.get_model(reader, model_id)
    owns = models.is_owner(reader, model) and can_do(reader, Permission.MANAGE_MODEL)
    form = _read_form(request, model) if owns else None
    if form is not None and form.is_bound and form.is_valid():
        try:
            model_terms.set_terms(begin_deed(request), model_id, form.read())
            return redirect("model", model_id)
        except Refusal as refusal:
            form.add_error(None, translate(refusal.sentence))
    graph = model_papers.find_lineage(reader, model_id)
    is_complete = model.record.get("format", 0) >= 2
    context = {
        "model": model,
        "card": render_markdown(say_card(model)),
        "record": json.dumps(model.record, indent=2, ensure_ascii=False),
        "summary": model_papers.summarise_data(reader, model_id) if is_complete else (),
        "estimates": draw_estimates(model.record) if is_complete else (),
        "versions": models.list_versions(reader, model),
        "nodes": [
            (node, translate(KIND_WORDS[node.kind]), say_detail(node)) for node in graph.nodes
        ],
        "pictures": [
            (size, draw_lineage(graph, across=most)) for size, most in (("wide", 4), ("narrow", 2))
        ],
        "may_use": models.may_use(reader, model) and model.is_kept,
        "form": form,
    }
    status = 422 if form is not None and form.errors else 200
    return render(request, "models/show.html", context, status=status)


def _read_form(request: HttpRequest, model: Model) -> TermsForm:
    if request.method == "POST":
        return TermsForm(request.POST)
    return TermsForm(
        initial={
            "visibility": model.visibility.value,
            "licence": model.licence,
            "keep_until": model.keep_until,
        }
    )


@require_POST
def delete_files(request: HttpRequest, model_id: str) -> HttpResponse:
    """Delete the files of a model for good, once its owner has typed its name."""
    model = models.get_model(get_person(request), model_id)
    if request.POST.get("name", "").strip() != model.family:
        raise NameDoesNotMatch(name=model.family)
    model_terms.delete_files(begin_deed(request), model_id, backend_of=wiring.workshop().backend_of)
    return redirect("model", model_id)


def download_file(request: HttpRequest, model_id: str, name: str) -> FileResponse:
    """Hand out a file of a model, to its owners."""
    return hand_out_file(get_person(request), model_id, name)


def download_record(request: HttpRequest, model_id: str) -> HttpResponse:
    """Hand out the training record as JSON."""
    model = models.get_model(get_person(request), model_id)
    return _as_json(model.record, f"{model_id}-training-record.json")


def download_package(request: HttpRequest, model_id: str) -> FileResponse:
    """Hand out a whole model as one zip."""
    return hand_out_package(get_person(request), model_id)


def download_record_sheet(request: HttpRequest, model_id: str) -> HttpResponse:
    """Hand out the training record as a PDF in the language of the page."""
    return hand_out_record(get_person(request), model_id, language=get_language() or "en")


def download_bill(request: HttpRequest, model_id: str) -> HttpResponse:
    """Hand out the bill of materials."""
    bill = model_papers.build_bill(get_person(request), model_id)
    return _as_json(bill, f"{model_id}.cdx.json")


def download_certificate(request: HttpRequest, model_id: str) -> HttpResponse:
    """Hand out the certificate of a deletion."""
    certificate = model_terms.get_certificate(get_person(request), model_id)
    return _as_json(certificate, f"{model_id}-deletion.json")


def _as_json(value: object, name: str) -> HttpResponse:
    content = json.dumps(value, indent=2, ensure_ascii=False)
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
