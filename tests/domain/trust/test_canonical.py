"""What means the same is written the same."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum

import pytest

from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust import canonical


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Point:
    y: int
    x: int


def test_every_kind_of_value_has_one_form():
    value = {
        "z": None,
        "a": [True, 1, 1.5, "ü"],
        "when": datetime(2026, 11, 22, 13, tzinfo=timezone(timedelta(hours=1))),
        "on": date(2026, 11, 22),
        "exact": Decimal("1.50"),
        Colour.RED: Colour.RED,
        "point": Point(1, 2),
        "set": {3, 1, 2},
        "why": Sentence("{n} nodes", {"n": 2}),
    }
    assert canonical.render(value) == (
        '{"a":[true,1,1.5,"ü"],"exact":"1.50","on":"2026-11-22","point":{"x":2,"y":1},'
        '"red":"red","set":[1,2,3],"when":"2026-11-22T12:00:00.000000Z",'
        '"why":{"facts":{"n":2},"template":"{n} nodes"},"z":null}'
    )


def test_an_instant_reads_back_to_the_microsecond():
    at = datetime(2026, 11, 22, 12, 0, 0, 7, tzinfo=UTC)
    assert canonical.parse_instant(canonical.render_instant(at)) == at


def test_what_has_no_form_is_a_mistake():
    with pytest.raises(AssertionError, match="no canonical form for object"):
        canonical.render(object())
    with pytest.raises(ValueError, match="JSON"):
        canonical.render(float("nan"))


def test_the_digest_is_sha_256():
    assert canonical.digest("abc").startswith("ba7816bf8f01cfea")
