"""A tab with a section of a draft in it, without a browser: its form, sent as it stands there."""

from html.parser import HTMLParser
from typing import Any

from django.test import Client


class _Fields(HTMLParser):
    """Reads what the fields of a form hold."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.area = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        name = given.get("name") or ""
        if tag == "textarea":
            self.area, self.values[name] = name, ""
        elif tag == "input" and name:
            is_choice = given.get("type") in ("radio", "checkbox")
            if not is_choice or "checked" in given:
                self.values[name] = given.get("value") or ""

    def handle_data(self, data: str) -> None:
        if self.area:
            self.values[self.area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            text = self.values[self.area]
            self.values[self.area] = text.removeprefix("\r").removeprefix("\n")
            self.area = ""


class Tab:
    """One page of somebody: what is typed stays in it until it is sent, and is sent as a whole."""

    def __init__(self, client: Client, address: str) -> None:
        self.client, self.address = client, address
        self.answer: Any = None
        self.reload()

    def reload(self) -> None:
        self._take(self.client.get(self.address))

    def type(self, **texts: str) -> None:
        self.fields |= texts

    def leave(self) -> str:
        """Leave a field: htmx sends the form and puts what comes back into the page."""
        self.answer = self.client.post(self.address, self._sent(), headers={"HX-Request": "true"})
        page = self.answer.content.decode()
        if self.answer.status_code == 200:
            came = _Fields(page).values
            for name in [each for each in self.fields if each.startswith(("keep-", "asked"))]:
                del self.fields[name]
            self.fields |= came
        return page

    def press(self) -> Any:
        """Press the button, without script."""
        answer = self.client.post(self.address, self._sent())
        if answer.status_code in (409, 422):
            self._take(answer)
        self.answer = answer
        return answer

    def _sent(self) -> dict[str, str]:
        # Browsers write line ends like this, whatever stands in the page.
        plain = {name: text.replace("\r\n", "\n") for name, text in self.fields.items()}
        return {
            name: text if name in ("based_on", "asked") else text.replace("\n", "\r\n")
            for name, text in plain.items()
        }

    def _take(self, answer: Any) -> None:
        self.answer = answer
        self.fields = _Fields(answer.content.decode()).values
