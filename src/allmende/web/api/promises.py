"""The promises to the public: target, value, verdict, evidence."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema

from allmende.domain.trust.permissions import Permission
from allmende.domain.trust.verdicts import PromiseResult, Verdict
from allmende.services import promises
from allmende.web.api.permits import get_actor, takes
from allmende.web.api.shapes import PathId, Words

router = Router(tags=["promises"])


class EvidenceRowOut(Schema):
    """One record, what it says, and whether it keeps the promise."""

    record: str
    says: Words
    is_kept: bool


class PromiseOut(Schema):
    """A promise with its newest result; `rows` are filled where one promise is asked for."""

    promise_id: str
    title: Words
    promised_to: Words
    source: Words
    target: Words
    value: Words
    verdict: Verdict
    checked: int
    broken: int
    figures: dict[str, int | str]
    evaluated_at: datetime
    rows: list[EvidenceRowOut]


@router.get("", response=list[PromiseOut], **takes(Permission.SEE_PROMISES))
def list_promises(request: HttpRequest) -> list[PromiseResult]:
    """List every promise with its newest result."""
    return promises.list_promises(get_actor(request))


@router.get("/{promise_id}", response=PromiseOut, **takes(Permission.SEE_PROMISES))
def get_promise(request: HttpRequest, promise_id: PathId) -> PromiseResult:
    """Return one promise with the records that you may see."""
    return promises.get_promise(get_actor(request), promise_id)
