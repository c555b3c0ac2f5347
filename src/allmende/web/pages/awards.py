"""An award as its applicant meets it: a condition to accept, a letter to take away."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from allmende.services import awards
from allmende.web.acting import begin_deed, get_person
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.languages import choose
from allmende.wiring.letters import render_letter


def download_letter(request: HttpRequest, award_id: str, language: str) -> HttpResponse:
    """Hand out the letter as PDF to the organisation and to the office."""
    award, spoken = awards.get_letter(get_person(request), award_id), choose(language)
    content = render_letter(award, authority=load_access_rules().authority, language=spoken)
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{award.id}-{spoken}.pdf"'
    return response


@require_POST
def accept_condition(request: HttpRequest, award_id: str) -> HttpResponse:
    """Accept the condition of an award; then the project starts."""
    award = awards.accept_condition(begin_deed(request), award_id)
    return redirect("application", award.application_id)
