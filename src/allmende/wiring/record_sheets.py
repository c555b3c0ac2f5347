"""The training record of a model as an accessible PDF, with the public summary of its data."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils import translation
from django.utils.translation import gettext

from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.model_cards import render_card
from allmende.domain.training.models import Model
from allmende.domain.training.summaries import Part
from allmende.wiring.languages import choose, get_language, translate, write_instant
from allmende.wiring.letters import HEADING_POINTS, SUBHEADING_POINTS, Sheet

LONGEST_VALUE = 600
SMALL_POINTS = 8
GAP_MILLIMETRES = 3  # below a list or a table
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
        _add_card(sheet, say_card(model))
        sheet.add_tagged(
            "P", gettext("Below, all figures stand as programs find them in the JSON.")
        )
        for heading, section in _sections(model.record):
            sheet.add_tagged("H2", heading, points=SUBHEADING_POINTS)
            for key, told in _flatten(section):
                told = f"{key}: {told}"[:LONGEST_VALUE]
                sheet.add_tagged("P", told, points=SMALL_POINTS, is_tight=True)
            sheet.ln(GAP_MILLIMETRES)
        sheet.add_tagged("P", f"SHA-256: {model.record['sha256']}")
    return bytes(sheet.output())


def _add_card(sheet: Sheet, card: str) -> None:
    """Write what the card says, without its head and how a program loads the model."""
    text = card.split("\n---\n", 1)[-1]
    text = text.partition(f"## {translate(Sentence('How to load it'))}\n")[0]
    is_list = False
    for line in text.splitlines():
        is_row = line.startswith("|")
        if is_list and not line:
            sheet.ln(GAP_MILLIMETRES)
        is_list = is_row or line.lstrip().startswith("- ")
        if line.startswith("## "):
            sheet.add_tagged("H2", line.removeprefix("## "), points=SUBHEADING_POINTS)
        elif is_row and not line.startswith("|---"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            sheet.add_tagged("P", " · ".join(filter(None, cells)), is_tight=True)
        elif line and not is_row and not line.startswith("# "):
            sheet.add_tagged("P", line.replace("**", ""), is_tight=is_list)


def _sections(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    model = {key: told for key, told in record["model"].items() if key != "in_other_languages"}
    yield gettext("Model"), model
    yield gettext("Run"), record["run"]
    yield gettext("Attempts"), record["attempts"]
    yield gettext("Training compute"), record["compute"]
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
