"""Compares what a page shows with what was printed: words count, numbers and ids may differ."""

import re

ID = re.compile(r"\b(org|app|doc|prj|j|m|p|t|s)-[0-9a-hjkmnp-tv-z]{8}\b")
TOKEN = re.compile(rf"(?P<id>{ID.pattern})|(?P<gap>…)|(?P<number>\d+)|(?P<space>\s+)|(?P<rest>.)")


class Reader:
    """Follows a page and remembers which real id stands for which id of the page."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}

    def translate(self, text: str) -> str:
        """Return a text of the page with the real ids."""
        return ID.sub(lambda found: self.ids.get(found[0], found[0]), text)

    def find_missing(self, expected: tuple[str, ...], printed: str) -> str | None:
        """Return the first line of the page that was not printed in its place, if any."""
        lines = [" ".join(line.split()) for line in printed.splitlines()]
        for wanted in expected:
            while lines and not self._is_same(wanted, lines[0]):
                lines.pop(0)
            if not lines:
                return wanted
            lines.pop(0)
        return None

    def _is_same(self, wanted: str, line: str) -> bool:
        unknown: list[str] = []
        pattern = ""
        for token in TOKEN.finditer(wanted.strip()):
            if token["id"] and token["id"] in self.ids:
                pattern += re.escape(self.ids[token["id"]])
            elif token["id"]:
                unknown.append(token["id"])
                pattern += f"({token['id'].partition('-')[0]}-[0-9a-z]{{8}})"
            elif token["gap"]:
                pattern += ".*"
            elif token["number"]:
                pattern += r"\d+"
            elif token["space"]:
                pattern += r"\s*"
            else:
                pattern += re.escape(token["rest"])
        found = re.fullmatch(pattern, line)
        if found:
            self.ids.update(zip(unknown, found.groups(), strict=True))
        return bool(found)
