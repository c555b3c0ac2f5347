"""The documents of an application: added and removed in a draft, handed out as files to save."""

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from allmende.domain.access.applications import ApplicationState
from allmende.domain.access.documents import DOCUMENTS_MAX, DocumentKind
from allmende.domain.basics.refusals import Refusal
from allmende.services import applications, documents
from allmende.services.deeds import Deed
from allmende.web.acting import begin_deed, get_person
from allmende.web.forms.documents import DocumentForm
from allmende.web.uploads import MEGABYTE, hand_out
from allmende.wiring.documents import shelf
from allmende.wiring.languages import translate


def show_documents(request: HttpRequest, application_id: str) -> HttpResponse:
    """Show the documents of a draft, and add one."""
    reader = get_person(request)
    application = applications.get_application(reader, application_id)
    if application.state is not ApplicationState.DRAFT:
        return redirect("application", application_id)
    status, form = 200, DocumentForm()
    if request.method == "POST":
        deed = begin_deed(request)
        documents.check_draft_of(deed.actor, application_id)
        form = DocumentForm(request.POST, request.FILES)
        if form.is_valid() and _add(deed, application_id, form):
            return redirect("documents", application_id)
        status = 422
    context = {
        "application": application,
        "documents": documents.list_documents(reader, application_id),
        "reusable": documents.list_reusable(reader, application_id),
        "form": form,
        "most_megabytes": settings.DOCUMENT_BYTES_MAX // MEGABYTE,
        "most": DOCUMENTS_MAX,
    }
    return render(request, "applications/documents.html", context, status=status)


def _add(deed: Deed, application_id: str, form: DocumentForm) -> bool:
    file, kind = form.cleaned_data["file"], DocumentKind(form.cleaned_data["kind"])
    try:
        with shelf().receive(file.chunks()) as incoming:
            documents.add_document(
                deed, application_id, kind=kind, name=file.name, incoming=incoming, shelf=shelf()
            )
    except Refusal as refusal:
        if refusal.status in (401, 403, 404):
            raise
        form.add_error("file", translate(refusal.sentence))
        return False
    return True


@require_POST
def remove_document(request: HttpRequest, application_id: str, document_id: str) -> HttpResponse:
    """Take a document from a draft."""
    documents.remove_document(begin_deed(request), application_id, document_id)
    return redirect("documents", application_id)


@require_POST
def reuse_document(request: HttpRequest, application_id: str, document_id: str) -> HttpResponse:
    """Add a document of another application of the organisation."""
    documents.reuse_document(begin_deed(request), application_id, document_id)
    return redirect("documents", application_id)


@require_GET
def download_document(request: HttpRequest, application_id: str, document_id: str) -> FileResponse:
    """Hand a document out to its organisation and to the office."""
    reader = get_person(request)
    return hand_out(*documents.open_document(reader, application_id, document_id, shelf=shelf()))


@require_GET
def download_for_review(
    request: HttpRequest, application_id: str, document_id: str
) -> FileResponse:
    """Hand a document out to a reviewer who may read the application."""
    deed = begin_deed(request)
    return hand_out(*documents.open_for_review(deed, application_id, document_id, shelf=shelf()))
