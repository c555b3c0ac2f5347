"""Several people at one draft: what only one of them changed is merged, what two changed is asked.

Each edit says what it is based on: the answers that its author saw. So nobody's text is replaced
by somebody who has not read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from allmende.domain.access.application_forms import ApplicationForm
from allmende.domain.access.snapshots import to_plain
from allmende.domain.basics.refusals import Refusal


class AnswersDiffer(Refusal):
    """Somebody else, or another window of yours, has changed this meanwhile: {field} says
    “{theirs}” now, and you wrote “{yours}”. Nothing was changed. Send what is to stay, based on
    what it says now."""

    def __init__(self, differences: "tuple[Difference, ...]") -> None:
        self.differences = differences
        first = differences[0]
        super().__init__(
            field=first.field,
            theirs=first.theirs,
            yours=first.yours,
            differences=[to_plain(each) for each in differences],
        )


@dataclass(frozen=True)
class Difference:
    """An answer that two have changed from the same one, each to something else; plain values."""

    field: str
    theirs: Any
    yours: Any


@dataclass(frozen=True)
class Merged:
    """The form with all that could be merged, and what has to be chosen."""

    form: ApplicationForm
    differences: tuple[Difference, ...]


def merge(
    form: ApplicationForm, changes: Mapping[str, object], *, based_on: Mapping[str, object]
) -> Merged:
    """Return the form after changes by somebody who saw the answers of `based_on`.

    An answer that `based_on` does not name is taken as seen.
    """
    written, seen = form.change(changes), form.change(based_on)
    merged: dict[str, Any] = {}
    differences = []
    for name in (each.name for each in fields(ApplicationForm)):
        here, mine, base = (getattr(each, name) for each in (form, written, seen))
        if _is_same(mine, base) or _is_same(mine, here):
            continue
        if _is_same(here, base):
            merged[name] = mine
        else:
            differences.append(Difference(name, to_plain(here), to_plain(mine)))
    return Merged(replace(form, **merged), tuple(differences))


def _is_same(one: object, other: object) -> bool:
    """Compare answers; browsers write line ends in a way of their own."""
    if isinstance(one, str) and isinstance(other, str):
        return _with_plain_line_ends(one) == _with_plain_line_ends(other)
    return one == other


def _with_plain_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
