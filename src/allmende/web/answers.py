"""The answers of an application for reading: in words, with tables, sums and bars of months."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from allmende.domain.access.application_forms import (
    ApplicationForm,
    facts_of,
    list_questions,
)
from allmende.domain.access.calls import Call
from allmende.domain.access.modes import FormKind
from allmende.domain.access.questions import Kind, Question
from allmende.domain.access.sections.code import efficiencies
from allmende.domain.basics.sentences import Sentence
from allmende.web import wording
from allmende.web.countries import COUNTRIES
from allmende.web.forms.applications import name_sections
from allmende.wiring import languages
from allmende.wiring.languages import translate

BAR_WIDTH = 1000


@dataclass
class Table:
    """Rows with headings; the last row may be a sum."""

    columns: list[str]
    rows: list[list[Any]] = field(default_factory=list)
    total: str = ""

    @property
    def labelled(self) -> list[list[tuple[str, Any]]]:
        """Return the rows, each cell with the heading of its column."""
        return [list(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, kw_only=True)
class ReadAnswer:
    """One question with its answer in words, or as a table."""

    label: str
    text: str = ""
    table: Table | None = None


@dataclass(frozen=True, kw_only=True)
class ReadSection:
    """A section with its answers."""

    name: str
    heading: Promise
    answers: list[ReadAnswer]


def read_sections(
    form: ApplicationForm,
    *,
    asked: FormKind,
    call: Call,
    declared: Mapping[str, Mapping[str, str]],
    with_secrets: bool = True,
) -> list[ReadSection]:
    """Return every section that was asked, for reading; `declared` are the words of the ticks."""
    language = languages.get_language()
    words = {name: texts[language] for name, texts in declared.items()}
    sections = [
        ReadSection(
            name=section.value,
            heading=heading,
            answers=[
                read_question(question, form, call, label=words.get(question.name))
                for question in list_questions(section, asked)
                if with_secrets or not question.is_secret
            ],
        )
        for section, (heading, _) in name_sections(asked).items()
    ]
    return [section for section in sections if section.answers]


def read_question(
    question: Question, form: ApplicationForm, call: Call, *, label: str | None = None
) -> ReadAnswer:
    """Return one question with its answer, for reading; `label` are other words for it."""
    label = label or translate(Sentence(question.label, facts_of(call)))
    value = getattr(form, question.name)
    if question.kind is not Kind.ROWS:
        return ReadAnswer(label=label, text=_in_words(question, value))
    return ReadAnswer(label=label, table=_as_table(question, form, value) if value else None)


def _in_words(question: Question, value: Any) -> str:
    """Return an answer in words; what was not answered is empty."""
    if value is None or value in ("", ()):
        return ""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if question.kind is Kind.HOURS:
        return wording.write_hours(value)
    if question.kind is Kind.EUROS:
        return wording.write_money(value)
    if question.kind is Kind.COUNTRY:
        return str(dict(COUNTRIES).get(value, value))
    if question.kind is Kind.CODES:
        return ", ".join(value)
    if question.choices:
        chosen = value if isinstance(value, tuple) else (value,)
        return ", ".join(gettext(question.choices[str(each)]) for each in chosen)
    return wording.write_large(value) if isinstance(value, int | Decimal) else str(value)


def _as_table(question: Question, form: ApplicationForm, rows: tuple[Any, ...]) -> Table:
    columns = question.columns
    table = Table(
        columns=[gettext(column.label) for column in columns],
        rows=[[_in_words(each, getattr(row, each.name)) for each in columns] for row in rows],
    )
    match question.name:
        case "planned_runs":
            _add_column(table, gettext("Together"), [row.total_hours for row in rows])
            table.total = wording.write_number(form.planned_hours)
        case "scaling":
            shares = {id(row): share for row, share in efficiencies(rows)}
            written = [shares.get(id(row)) for row in rows]
            _add_column(table, gettext("Efficiency"), [_percent(share) for share in written])
        case "milestones":
            months = max([row.last_month or 0 for row in rows] + [form.duration_months or 1])
            _add_column(table, gettext("Months"), [_draw_bar(row, months) for row in rows])
    return table


def _add_column(table: Table, name: str, values: list[Any]) -> None:
    table.columns.append(name)
    for row, value in zip(table.rows, values, strict=True):
        is_number = isinstance(value, Decimal)
        row.append(wording.write_number(value) if is_number else value if value is not None else "")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{wording.write_number(100 * share, 0)}{wording.NARROW_SPACE}%"


def _draw_bar(row: Any, months: int) -> SafeString | str:
    if not row.first_month or not row.last_month or row.last_month < row.first_month:
        return ""
    width = BAR_WIDTH / months
    words = gettext("Months %(first)s to %(last)s of %(all)s") % {
        "first": row.first_month,
        "last": row.last_month,
        "all": months,
    }
    return format_html(
        '<svg class="months" viewBox="0 0 1000 100" preserveAspectRatio="none" role="img"'
        ' aria-label="{}"><rect class="line" y="45" width="1000" height="10"></rect>'
        '<rect class="bar" x="{}" y="15" width="{}" height="70"></rect></svg>',
        words,
        f"{(row.first_month - 1) * width:.0f}",
        f"{(row.last_month - row.first_month + 1) * width:.0f}",
    )
