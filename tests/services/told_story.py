"""The story up to the awards, told once in a process: later databases get a copy of its rows.

Telling it takes ten times as long as copying it, and four hundred tests begin with it.
"""

import copy
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

from django.db import connection

from allmende import wiring
from allmende.domain.basics.people import Person
from allmende.services.deeds import Deed
from allmende.services.story import Story
from allmende.services.workshop import Workshop
from allmende.wiring import home, stage
from allmende.wiring.access_rules import load_access_rules

SEED = 7
CLOCK = wiring.now
Rows = dict[str, list[tuple[object, ...]]]


@dataclass(frozen=True)
class Told:
    """What telling the story left behind."""

    story: Story
    ids_made: int
    rows: Rows


_told: dict[str, Told] = {}


def tell_up_to_the_awards(workshop: Workshop) -> Story:
    """Return the story as it is after the awards, with its rows in the database."""
    ids = stage.seeded_ids(SEED)
    # Another clock or configuration tells another story; PostgreSQL numbers its rows by itself.
    key = str(home.config_folder())
    is_usual = connection.vendor == "sqlite" and wiring.now is CLOCK
    if is_usual and key in _told:
        told = _told[key]
        for _ in range(told.ids_made):
            ids("id")
        _write(told.rows)
        return replace(_copy(told.story), act=_acting(ids), workshop=workshop)
    before, counter = _read(), itertools.count()
    story = _tell(workshop, lambda prefix: (next(counter), ids(prefix))[1])
    if is_usual:
        rows = {table: found for table, found in _read().items() if found != before[table]}
        assert not any(before[table] for table in rows), "only empty tables can be filled again"
        _told[key] = Told(story=_copy(story), ids_made=next(counter), rows=rows)
    return story


def _tell(workshop: Workshop, ids: Callable[[str], str]) -> Story:
    story = Story(act=_acting(ids), workshop=workshop, rules=load_access_rules())
    parts = (story.open_factory, story.gather_people, story.check_eligibility, story.apply)
    for part in (*parts, story.award):
        for _ in part():
            pass
    return story


def _copy(story: Story) -> Story:
    """Return the story with lists of its own, for a test may add to them."""
    kept = ("persons", "organisations", "applications", "projects", "jobs")
    return replace(story, **{name: copy.copy(getattr(story, name)) for name in kept})


def _acting(ids: Callable[[str], str]) -> Callable[[Person], Deed]:
    return lambda person: Deed(actor=person, now=wiring.now(), new_id=ids)


def _read() -> Rows:
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        return {
            table: cursor.execute(f'SELECT * FROM "{table}" ORDER BY rowid').fetchall()
            for table in tables
        }


def _write(rows: Rows) -> None:
    with connection.cursor() as cursor:
        for table, found in rows.items():
            places = ", ".join(["%s"] * len(found[0]))
            cursor.executemany(f'INSERT INTO "{table}" VALUES ({places})', found)
