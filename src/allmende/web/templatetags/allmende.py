"""Tags and filters of the pages: sentences, amounts, icons, and states as word, shape, colour."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import yaml
from django import template
from django.forms import BoundField
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext

from allmende import wiring
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit
from allmende.domain.training.blueprints import Blueprint
from allmende.web import icons, states, wording
from allmende.wiring.languages import translate

register = template.Library()


@register.filter
def sentence(value: Any) -> str:
    """Return a sentence in the reader's language; plain text stays as it is."""
    if value is None:
        return ""
    return translate(value) if isinstance(value, Sentence) else str(value)


@register.filter
def hours(seconds: int, unit: str = "") -> str:
    """Return seconds as hours, with the unit when it is given."""
    return wording.write_hours_with_unit(seconds, unit) if unit else wording.write_hours(seconds)


@register.filter
def exact(seconds: int, unit: str = "") -> str:
    """Return seconds to the second, with the unit of their partition; without one, of nodes."""
    return wording.write_seconds(seconds, unit or TimeUnit.NODE_SECONDS)


@register.filter
def figure(written: str) -> SafeString:
    """Return an amount with its unit in smaller letters."""
    value, _, unit = written.partition(wording.NARROW_SPACE)
    return format_html('{} <span class="unit">{}</span>', value, unit)


@register.filter
def scientific(value: int) -> str:
    """Return a large number as 3.1 × 10²³."""
    return wording.write_scientific(value)


@register.filter
def energy(joules: int) -> str:
    """Return joules as Wh or kWh."""
    return wording.write_energy(joules)


@register.filter
def filesize(number: int) -> str:
    """Return bytes as kB, MB, GB."""
    return wording.write_bytes(number)


@register.filter
def money(cents: int) -> str:
    """Return cents as euros."""
    return wording.write_money(cents)


@register.filter
def basis(points: int) -> str:
    """Return basis points as per cent."""
    return wording.write_hundredths(points) + wording.NARROW_SPACE + "%"


@register.filter
def hundredths(number: int | None) -> str:
    """Return hundredths as a number, and what is not known as a dash."""
    return "–" if number is None else wording.write_hundredths(number)


@register.filter
def euros(cents: int | None) -> str:
    """Return cents as whole euros, and what is not known as a dash."""
    return "–" if cents is None else wording.write_euros(cents)


@register.filter
def duration(seconds: float) -> str:
    """Return a length of time in words."""
    return wording.write_duration(seconds)


@register.filter
def lasted(begin: datetime, end: datetime | None) -> str:
    """Return how long something lasted; without an end, how long it has lasted so far."""
    return wording.write_duration(((end or wiring.now()) - begin).total_seconds())


@register.filter
def rough(seconds: float) -> str:
    """Return a length of time in one unit."""
    return wording.write_rough(seconds)


@register.filter
def change(seconds: float) -> str:
    """Return a difference of times with its sign."""
    return wording.write_change(seconds)


@register.filter
def short(value: float) -> str:
    """Return a number in few signs."""
    return wording.write_short(value)


@register.filter
def points(share: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    value = round(100 * share, 1)
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    return f"{sign}{wording.write_number(abs(value), 1)}"


@register.filter
def number(value: Any, places: int | None = None) -> str:
    """Return a number as the language writes it."""
    return wording.write_number(value, places)


@register.filter
def percent(share: Any, places: int = 0) -> str:
    """Return a share of one as per cent."""
    return f"{wording.write_number(float(share) * 100, places)}{wording.NARROW_SPACE}%"


@register.filter
def moment(instant: datetime | None) -> SafeString:
    """Return an instant as a `time` element in local time."""
    if instant is None:
        return mark_safe("–")
    written = wording.write_instant(instant)
    return format_html('<time datetime="{}">{}</time>', instant.isoformat(), written)


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon."""
    return mark_safe(icons.draw_icon(name))  # noqa: S308 - our own drawing


@register.simple_tag
def status(kind: str, state: Any) -> SafeString:
    """Show a state as a word with its shape and colour."""
    look = states.describe(kind, str(state))
    return format_html(
        '<span class="status {}">{}{}</span>',
        look.colour,
        mark_safe(icons.draw_icon(look.icon)),  # noqa: S308 - our own drawing
        look.word,
    )


@register.simple_tag
def word(kind: str, state: Any) -> str:
    """Return the word for a state or a kind."""
    return states.describe(kind, str(state)).word


@register.filter
def said(text: str) -> str:
    """Return a text of the configuration in the reader's language, where it was translated."""
    return gettext(text) if text else ""


@register.filter
def spoken(texts: Any) -> str:
    """Return a text that was written in both languages in the reader's one."""
    language = get_language() or "en"
    if isinstance(texts, Mapping):
        return str(texts.get(language) or texts.get("en") or "")
    return str(getattr(texts, language, getattr(texts, "en", "")))


@register.filter
def phrase(text: str, blueprint: Blueprint) -> str:
    """Return what a blueprint says in English in the reader's language."""
    return blueprint.german.get(text, text) if get_language() == "de" else text


@register.filter
def answer(field: BoundField) -> str:
    """Return what somebody answered, in the words of the choice."""
    value = field.value()
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    choices = dict(getattr(field.field, "choices", ()))
    choices |= {str(key): word for key, word in choices.items()}
    if isinstance(value, list):
        return ", ".join(str(choices.get(str(each), each)) for each in value)
    return str(choices.get(str(value), value if value is not None else ""))


@register.filter
def row_forms(field: BoundField) -> list[Any]:
    """Return the rows of a table as small forms, with a blank one at the end."""
    rows: list[Any] = field.field.row_forms(field.html_name, field.value())
    return rows


@register.filter
def plain(value: float) -> str:
    """Return a number as SVG takes it, whatever the language."""
    return f"{value:g}"


@register.filter
def pretty(value: Any) -> str:
    """Return keys and values as YAML."""
    return str(yaml.safe_dump(value, allow_unicode=True, sort_keys=False))


@register.filter
def amount(value: Any) -> str:
    """Return the value of a rule: a number, yes or no, or a word."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return wording.write_large(value) if isinstance(value, Decimal) else str(value)
