"""The sections of an application, made of the questions of the domain.

Nothing is required while it is a draft: the findings of the domain say what is still missing.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from allmende.domain.access.application_forms import (
    QUESTIONS,
    ApplicationForm,
    Section,
    facts_of,
    list_questions,
    list_sections,
)
from allmende.domain.access.calls import Call
from allmende.domain.access.consents import read_declarations
from allmende.domain.access.modes import FormKind
from allmende.domain.access.questions import Kind, Question
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import plain_hours
from allmende.web.countries import COUNTRIES
from allmende.web.forms.fields import YES_NO, AmountField, plain_number, radio
from allmende.web.forms.rows import RowsField
from allmende.wiring import languages
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.languages import translate

RADIOS_MOST = 6  # more choices are a list
LONG_TEXT = 2_000

# Heading and lead of each section.
HEADINGS: Mapping[Section, tuple[Promise, Promise]] = {
    Section.PROJECT: (
        _("The project"),
        _("What you want to do, so that somebody from another field understands it."),
    ),
    Section.PEOPLE: (_("The people"), _("Who leads the project and answers for it.")),
    Section.RESOURCES: (_("Compute time"), _("How much you need, and for how long.")),
    Section.CODE: (_("Programs"), _("What will run, and how well it uses the machine.")),
    Section.MODEL: (_("The model"), _("What you train, with what, and how large it is.")),
    Section.DATA: (
        _("Data"),
        _("What the model learns from. It decides where your jobs may run."),
    ),
    Section.ETHICS: (
        _("Ethics"),
        _("Seven headings of trustworthy AI. A sentence or two for each is enough."),
    ),
    Section.PLAN: (_("Plan and impact"), _("When what is done, and what becomes of it.")),
    Section.DECLARATIONS: (_("Declarations"), _("What you confirm with your application.")),
}

# What the domain calls by another name than the form.
FIELD_OF = {"requested_seconds": "requested_hours", "unit": "requested_hours"}
AUTOCOMPLETE = {
    "principal_investigator": "name",
    "principal_investigator_email": "email",
}


class SectionForm(forms.Form):
    """One task of the application; it writes what it asks, and nothing else."""

    def __init__(
        self, *args: Any, section: Section, asked: FormKind, call: Call, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.section, self.call = section, call
        self.heading, self.lead = HEADINGS[section]
        self.questions = list_questions(section, asked)
        self.fields = {
            FIELD_OF.get(question.name, question.name): _build_field(question, call)
            for question in self.questions
        }
        if section is Section.DECLARATIONS:
            self._declare(asked)

    def _declare(self, asked: FormKind) -> None:
        """Let the ticks say the very words that are kept with the application."""
        book = load_access_rules().book
        for each in read_declarations(self.call, asked, book=book):
            self.fields[each.name].label = each.texts[languages.get_language()]

    def changes(self, posted: QueryDict) -> dict[str, object]:
        """Return the answers of this section as the service takes them."""
        written: dict[str, object] = {}
        for question in self.questions:
            name = FIELD_OF.get(question.name, question.name)
            field = self.fields[name]
            given = field.widget.value_from_datadict(posted, {}, name)
            written[name] = WRITERS.get(question.kind, _as_written)(question, given)
        if self.section is Section.RESOURCES:
            written["unit"] = self.call.unit
        return written


def open_section(
    section: Section, *, asked: FormKind, call: Call, answers: ApplicationForm
) -> SectionForm:
    """Return a section with what was answered so far."""
    return SectionForm(section=section, asked=asked, call=call, initial=initial_of(answers))


def name_sections(asked: FormKind) -> dict[Section, tuple[Promise, Promise]]:
    """Return the sections of a form, each with its heading and lead."""
    return {section: HEADINGS[section] for section in list_sections(asked)}


def _build_field(question: Question, call: Call) -> forms.Field:
    facts = facts_of(call)
    field = BUILDERS.get(question.kind, _line)(question, call)
    field.label = translate(Sentence(question.label, facts))
    field.help_text = translate(Sentence(question.hint, facts)) if question.hint else ""
    field.required = False
    field.is_silent = True  # a draft may miss anything: no need to say so at each
    return field


def _line(question: Question, _call: Call) -> forms.Field:
    attrs: dict[str, Any] = {}
    if question.kind in (Kind.WHOLE, Kind.DECIMAL, Kind.HOURS):
        attrs["inputmode"] = "decimal"
    if question.name in AUTOCOMPLETE:
        attrs["autocomplete"] = AUTOCOMPLETE[question.name]
    return forms.CharField(widget=forms.TextInput(attrs=attrs), strip=False)


def _text(question: Question, _call: Call) -> forms.Field:
    rows = 6 if question.length > LONG_TEXT else 3
    return forms.CharField(widget=forms.Textarea(attrs={"rows": rows}), strip=False)


def _yes_no(_question: Question, _call: Call) -> forms.Field:
    return radio(YES_NO)


def _tick(_question: Question, _call: Call) -> forms.Field:
    return forms.BooleanField()


def _euros(_question: Question, _call: Call) -> forms.Field:
    return AmountField()


def _choices(question: Question) -> list[tuple[str, str]]:
    return [(value, gettext(words)) for value, words in question.choices.items()]


def _choice(question: Question, _call: Call) -> forms.Field:
    choices = _choices(question)
    if len(choices) <= RADIOS_MOST:
        return radio(choices)
    return forms.ChoiceField(choices=[("", "–"), *choices])


def _many(question: Question, _call: Call) -> forms.Field:
    return forms.MultipleChoiceField(
        choices=_choices(question), widget=forms.CheckboxSelectMultiple
    )


def _country(_question: Question, _call: Call) -> forms.Field:
    return forms.ChoiceField(choices=[("", "–"), *COUNTRIES])


def _months(_question: Question, call: Call) -> forms.Field:
    return radio(
        [
            (str(months), ngettext("1 month", "%(months)s months", months) % {"months": months})
            for months in call.durations_months
        ]
    )


def _rows(question: Question, call: Call) -> forms.Field:
    columns = {column.name: _build_field(column, call) for column in question.columns}
    for field in columns.values():
        if isinstance(field.widget, forms.RadioSelect):  # in a row, one line is enough
            choices = [("", "–"), *field.choices]
            field.widget = forms.Select(choices=choices)
    return RowsField(columns=columns)


BUILDERS: Mapping[Kind, Callable[[Question, Call], forms.Field]] = {
    Kind.TEXT: _text,
    Kind.YES_NO: _yes_no,
    Kind.TICK: _tick,
    Kind.EUROS: _euros,
    Kind.CHOICE: _choice,
    Kind.MANY: _many,
    Kind.COUNTRY: _country,
    Kind.MONTHS: _months,
    Kind.ROWS: _rows,
}


def _as_written(_question: Question, given: Any) -> object:
    return "" if given is None else given


def _write_tick(_question: Question, given: Any) -> object:
    return "yes" if given else "no"


def _write_number(_question: Question, given: Any) -> object:
    """Return the number without what groups its thousands, in either language."""
    text = str(given or "").strip().replace("\u202f", "").replace("\u00a0", "").replace(" ", "")
    return plain_number(text) if re.fullmatch(r"[\d.,]+", text) else text


def _write_euros(_question: Question, given: Any) -> object:
    euros = AmountField(required=False).clean(given)
    return None if euros is None else int(euros * 100)


def _write_rows(question: Question, given: Any) -> object:
    columns = question.columns
    return [
        {
            column.name: WRITERS.get(column.kind, _as_written)(column, row.get(column.name))
            for column in columns
        }
        for row in given or []
    ]


WRITERS: Mapping[Kind, Callable[[Question, Any], object]] = {
    Kind.TICK: _write_tick,
    Kind.WHOLE: _write_number,
    Kind.DECIMAL: _write_number,
    Kind.EUROS: _write_euros,
    Kind.ROWS: _write_rows,
}


def initial_of(answers: ApplicationForm) -> dict[str, Any]:
    """Return the answers as the form fields show them."""
    return {
        FIELD_OF.get(name, name): _shown(question, getattr(answers, name))
        for name, question in QUESTIONS.items()
        if question.forms
    }


def _shown(question: Question, value: Any) -> Any:
    if value is None:
        return ""
    if question.kind is Kind.TICK:
        return value
    if question.kind is Kind.HOURS:
        return plain_hours(value)
    if question.kind is Kind.EUROS:
        return value // 100
    if question.kind is Kind.CODES:
        return ", ".join(value)
    if question.kind is Kind.ROWS:
        columns = question.columns
        return [
            {each.name: _shown(each, getattr(row, each.name)) for each in columns} for row in value
        ]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, tuple):
        return [str(each.value) for each in value]
    return str(value.value) if isinstance(value, Enum) else value
