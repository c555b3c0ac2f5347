"""Several people at one draft: what only one of them changed is merged, what two changed is asked.

Each edit says what it is based on: the answers that its author saw. So nobody's text is replaced
by somebody who has not read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from allmende.domain.access.application_forms import QUESTIONS, ApplicationForm
from allmende.domain.access.snapshots import to_plain
from allmende.domain.basics.characters import tidy
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
    form: ApplicationForm, changes: Mapping[str, object], *, seen: Mapping[str, Any]
) -> Merged:
    """Return the form after changes by somebody who saw other answers.

    `seen` has plain values, by the names of the questions. What it does not name is taken as seen.
    """
    written = form.change(changes)
    merged: dict[str, Any] = {}
    differences = []
    for name in QUESTIONS:
        typed = getattr(written, name)
        here, mine = to_plain(getattr(form, name)), to_plain(typed)
        base = seen.get(name, here)
        if _is_same(mine, base) or _is_same(mine, here):
            continue
        if _is_same(here, base):
            merged[name] = typed
        else:
            differences.append(Difference(name, here, mine))
    return Merged(replace(form, **merged), tuple(differences))


def read_seen(form: ApplicationForm, based_on: Mapping[str, object]) -> dict[str, Any]:
    """Return answers as somebody gives them back as plain values."""
    read = form.change(based_on)
    names = ("requested_seconds" if name == "requested_hours" else name for name in based_on)
    return {name: to_plain(getattr(read, name)) for name in names}


def _is_same(one: Any, other: Any) -> bool:
    """Compare plain answers; browsers write line breaks and letters in ways of their own."""
    return bool(_tidied(one) == _tidied(other))


def _tidied(value: Any) -> Any:
    if isinstance(value, str):
        return tidy(value)
    if isinstance(value, list):
        return [_tidied(each) for each in value]
    if isinstance(value, dict):
        return {name: _tidied(each) for name, each in value.items()}
    return value
