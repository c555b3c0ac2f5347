"""Secrets of a project: a list of names, and a field that is only written."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from allmende.domain.basics.refusals import Refusal
from allmende.services import project_secrets, projects
from allmende.web.acting import begin_deed, get_person
from allmende.web.forms.project_secrets import SecretForm
from allmende.wiring.languages import translate
from allmende.wiring.sealing import seal


@sensitive_post_parameters("value")
def show_secrets(request: HttpRequest, project_id: str) -> HttpResponse:
    """Show the names of a project's secrets, and set one."""
    reader = get_person(request)
    found = project_secrets.list_secrets(reader, project_id)
    form = SecretForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        given = form.cleaned_data
        try:
            project_secrets.set_secret(
                begin_deed(request), project_id, given["name"], value=given["value"], seal=seal()
            )
            return redirect("project_secrets", project_id)
        except Refusal as refusal:
            form.add_error(None, translate(refusal.sentence))
    context = {
        "project": projects.get_project(reader, project_id), "secrets": found, "form": form,
    }  # fmt: skip
    status = 422 if form.errors else 200
    response = render(request, "projects/secrets.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def remove_secret(request: HttpRequest, project_id: str, secret: str) -> HttpResponse:
    """Forget a secret."""
    project_secrets.remove_secret(begin_deed(request), project_id, secret)
    return redirect("project_secrets", project_id)
