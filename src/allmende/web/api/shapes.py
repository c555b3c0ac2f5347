"""The small shapes that every noun's schemas are built from."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from ninja import Header, Path, Query, Schema
from pydantic import BeforeValidator, Field

from allmende.domain.access.working_days import BERLIN
from allmende.domain.basics.sentences import Sentence
from allmende.wiring.languages import translate

Item = TypeVar("Item")

# An id as a path has it, and as a query or a body has it. No database sees anything else.
ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,79}$"
PathId = Annotated[str, Path(pattern=ID_PATTERN)]
PathName = Annotated[str, Path(min_length=1, max_length=1000)]  # of a file, with its folders
QueryId = Annotated[str, Query(pattern=ID_PATTERN)]
BodyId = Annotated[str, Field(pattern=ID_PATTERN)]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
OfSite = Annotated[str, Query(pattern=r"^$|" + ID_PATTERN, description="Only those of this site.")]
Text = Annotated[str, Field(max_length=20_000, pattern=r"^[^\x00]*$")]
Limit = Annotated[int, Query(ge=1, le=200, description="How many items a page has at most.")]
After = Annotated[
    str,
    Query(pattern=r"^$|" + ID_PATTERN, description="The `next` of the page before."),
]
# Seconds up to a few thousand years: any database holds them.
Amount = Annotated[int, Field(ge=0, le=10**11)]
ClientKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[A-Za-z0-9._:-]{1,80}$",
        description="Made by you. The same key with the same content is the same deed, once.",
    ),
]


def _say(value: Any) -> Any:
    return translate(value) if isinstance(value, Sentence) else value


# A sentence of the domain, in the language that the request asks for.
Words = Annotated[str, BeforeValidator(_say)]


def in_utc(instant: datetime) -> datetime:
    """Return an instant in UTC; one without a zone is Berlin's, as everywhere here."""
    return (instant if instant.tzinfo else instant.replace(tzinfo=BERLIN)).astimezone(UTC)


class Page(Schema, Generic[Item]):
    """A page of a list; `next` is the key to ask for the following one, null on the last."""

    items: list[Item]
    next: str | None


def page_of(items: Sequence[Any], *, limit: int, key: Callable[[Any], Any]) -> dict[str, Any]:
    """Return items as a page; a full page may have a next one."""
    full = len(items) == limit
    return {"items": list(items), "next": str(key(items[-1])) if full else None}
