"""An organisation that merged into another: who applies, and whose history counts, from then on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from allmende.domain.basics.characters import check_written, tidy
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.sentences import Sentence

REASON_MAX = 2_000  # characters as people see them


class MergedIntoItself(Refusal):
    """An organisation does not merge into itself. Name the organisation of which it became part."""

    status = 422


class MergerIsRecorded(Refusal):
    """It is recorded already that organisation {organisation} merged into {into}, on {on}: {reason}
    That stays; there is nothing more to record."""


class HeirHasMerged(Refusal):
    """Organisation {into} merged into another one itself. Name the organisation that is left:
    {heir}."""


class OrganisationHasMerged(Refusal):
    """{organisation} merged into {heir} on {on}. Its running projects go on as they were awarded.
    Apply as {heir}: one of its members can add you, and the programme office helps."""


@dataclass(frozen=True, kw_only=True)
class Merger:
    """An organisation became part of another one on a day."""

    organisation_id: str
    into_id: str
    on: date
    reason: str
    recorded_at: datetime
    recorded_by: str


def record(merger: Merger, known: Mapping[str, Merger], *, today: date) -> Merger:
    """Return the merger to record; the same once more is the one that is known.

    `known` is by the organisation that merged. Nobody merges into what has merged itself, so that
    no chain of mergers comes back to where it began.
    """
    reason = tidy(merger.reason)
    earlier = known.get(merger.organisation_id)
    if earlier is not None:
        said = (earlier.into_id, earlier.on, earlier.reason)
        if said != (merger.into_id, merger.on, reason):
            raise MergerIsRecorded(
                organisation=earlier.organisation_id,
                into=earlier.into_id,
                on=earlier.on,
                reason=earlier.reason,
            )
        return earlier
    if merger.into_id == merger.organisation_id:
        raise MergedIntoItself
    if merger.into_id in known:
        raise HeirHasMerged(into=merger.into_id, heir=find_heir(merger.into_id, known))
    if merger.on > today:
        raise InvalidInput(field="on", problem=Sentence("Record a merger when it has happened."))
    check_written("reason", reason, most=REASON_MAX)
    return Merger(
        organisation_id=merger.organisation_id,
        into_id=merger.into_id,
        on=merger.on,
        reason=reason,
        recorded_at=merger.recorded_at,
        recorded_by=merger.recorded_by,
    )


def find_heir(organisation_id: str, known: Mapping[str, Merger]) -> str:
    """Return the organisation that is left of one, after all its mergers."""
    while organisation_id in known:
        organisation_id = known[organisation_id].into_id
    return organisation_id


def find_family(organisation_id: str, known: Mapping[str, Merger]) -> frozenset[str]:
    """Return the organisations that are one today with this one, itself among them."""
    heir = find_heir(organisation_id, known)
    return frozenset({heir} | {each for each in known if find_heir(each, known) == heir})
