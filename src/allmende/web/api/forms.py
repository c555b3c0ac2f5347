"""Forms: what an application under a call has to answer."""

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from allmende.domain.access.application_forms import Section
from allmende.domain.access.modes import FormKind
from allmende.domain.access.questions import Kind
from allmende.domain.trust.permissions import Permission
from allmende.services import forms
from allmende.web.api.permits import get_actor, takes
from allmende.web.api.shapes import PathId, Words
from allmende.wiring.access_rules import load_access_rules

router = Router(tags=["applications"])


class QuestionOut(Schema):
    """One question; of a question with rows, `columns` are those of each row."""

    section: Section
    name: str
    kind: Kind
    label: Words
    hint: Words | None
    is_required: bool
    length: int | None
    least: int | None
    most: int | None
    choices: list[str]
    columns: list["QuestionOut"]


class FormOut(Schema):
    """Which form it is, and everything that it asks."""

    form: FormKind
    questions: list[QuestionOut]


@router.get("/{call_id}", response=FormOut, **takes(Permission.SEE_FACTORY))
def get_form(request: HttpRequest, call_id: PathId) -> dict[str, Any]:
    """Return every question of a call's form, with its kind and its limits."""
    form, questions = forms.list_asked(get_actor(request), call_id, rules=load_access_rules())
    return {"form": form, "questions": questions}
