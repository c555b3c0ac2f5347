"""The training record of a model as an accessible PDF, with the public summary of its data."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils import translation
from django.utils.translation import gettext

from allmende.domain.training.model_cards import render_card
from allmende.domain.training.models import Model
from allmende.domain.training.phrases import find_phrases
from allmende.domain.training.summaries import Part
from allmende.wiring.languages import choose, get_language, translate, write_instant
from allmende.wiring.letters import HEADING_POINTS, SUBHEADING_POINTS, Sheet

LONGEST_VALUE = 600
# An older record has not all that a card takes.
FIRST_COMPLETE_FORMAT = 2


def say_card(model: Model) -> str:
    """Return the card in the language now spoken; the file README.md is always English."""
    language = get_language()
    if language == "en" or model.record.get("format", 0) < FIRST_COMPLETE_FORMAT:
        return model.card
    return render_card(model.record, licence=model.licence, language=language, say=translate)


def render_record(
    model: Model, summary: tuple[Part, ...], *, provider: str, language: str
) -> bytes:
    """Return the record of a model as PDF; the same model and language give the same bytes."""
    spoken = choose(language)
    with translation.override(spoken):
        title = f"{gettext('Training record')}: {model.label}"
        sheet = Sheet(title=title, language=spoken)
        sheet.set_creation_date(model.created_at)
        sheet.set_author(provider)
        sheet.add_tagged("P", provider)
        sheet.add_tagged("H1", title, points=HEADING_POINTS)
        sheet.add_tagged("P", f"{model.id} – {write_instant(model.created_at)}")
        sheet.add_tagged(
            "P",
            gettext(
                "AI-Act-style record, kept voluntarily. It says what is known and what was not "
                "measured; it is no statement of conformity."
            ),
        )
        for part in summary:
            sheet.add_tagged("H2", translate(part.title), points=SUBHEADING_POINTS)
            for line in part.lines:
                value = line.value if isinstance(line.value, str | int) else translate(line.value)
                sheet.add_tagged("P", f"{translate(line.label)}: {value}")
        tell = find_phrases(model.record, spoken)
        for heading, section in _sections(model.record, spoken):
            sheet.add_tagged("H2", heading, points=SUBHEADING_POINTS)
            for key, told in _flatten(section):
                sheet.add_tagged("P", f"{key}: {tell(told)}"[:LONGEST_VALUE])
        sheet.add_tagged("P", f"SHA-256: {model.record['sha256']}")
    return bytes(sheet.output())


def _sections(record: Mapping[str, Any], language: str) -> Iterator[tuple[str, Any]]:
    others = record["model"].get("in_other_languages", {})
    described = {**record["model"], **others.get(language, {})}
    unsaid = ("in_other_languages", "phrases")  # what is said here in the reader's language
    yield gettext("Model"), {key: each for key, each in described.items() if key not in unsaid}
    yield gettext("Run"), record["run"]
    yield gettext("Attempts"), record["attempts"]
    yield gettext("Compute"), record["compute"]
    yield gettext("Discarded"), record["discarded"]
    yield gettext("Energy"), record["energy"]
    if record.get("privacy"):
        yield gettext("Privacy"), record["privacy"]
    yield gettext("Where it comes from"), record["lineage"]
    yield gettext("Altogether"), record["cumulative"]
    yield gettext("Files"), record["files"]


def _flatten(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Return every figure with the keys that lead to it, as programs find it in the JSON."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flatten(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value):
        for number, inner in enumerate(value, start=1):
            yield from _flatten(inner, f"{path} {number}".strip())
    elif isinstance(value, list | tuple):
        yield path, ", ".join(map(str, value)) or "–"
    else:
        yield path, "–" if value is None else str(value)
