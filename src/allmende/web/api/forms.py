"""Forms: what an application under a call has to answer."""

from django.http import HttpRequest
from ninja import Router, Schema

from allmende.domain.access.application_forms import Section
from allmende.domain.access.modes import FormKind
from allmende.domain.access.questions import Kind
from allmende.domain.trust.permissions import Permission
from allmende.services import forms
from allmende.services.forms import FormView
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


class DeclarationOut(Schema):
    """The words of a tick in each language; of the terms, with the terms themselves."""

    name: str
    version: str
    texts: dict[str, str]
    document: str
    content_hash: str


class FormOut(Schema):
    """Which form it is, everything that it asks, and the words that are declared with it."""

    form: FormKind
    questions: list[QuestionOut]
    declarations: list[DeclarationOut]


@router.get("/{call_id}", response=FormOut, **takes(Permission.SEE_FACTORY))
def get_form(request: HttpRequest, call_id: PathId) -> FormView:
    """Return every question of a call's form, with its kind and its limits."""
    return forms.describe_form(get_actor(request), call_id, rules=load_access_rules())
