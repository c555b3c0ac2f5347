"""The letter of an award, to take away."""

from django.http import HttpRequest, HttpResponse

from allmende.services import awards
from allmende.web.acting import get_person
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
