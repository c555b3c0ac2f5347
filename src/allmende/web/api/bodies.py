"""Reads the bodies of requests: JSON in which each key says one thing."""

import json
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser

from allmende.domain.basics.refusals import Refusal


class KeyIsGivenTwice(Refusal):
    """The key {key} is given twice. Keep one of the two."""

    status = 422


class StrictParser(Parser):
    """Refuses a key that is given twice, where JSON alone keeps the last value."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Return what the body says."""
        return json.loads(request.body, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise KeyIsGivenTwice(key=key)
        found[key] = value
    return found
