"""What the model learns from, and what it may never do."""

from dataclasses import dataclass

from allmende.domain.access import questions as ask
from allmende.domain.access.modes import FormKind
from allmende.domain.basics.data_classes import DataClass
from allmende.domain.basics.sentences import Sentence

PERSONAL_CLASSES = frozenset({DataClass.PERSONAL, DataClass.HEALTH})
DATA_CLASS_WORDS = {
    DataClass.PUBLIC: "Public: anybody may have it",
    DataClass.INTERNAL: "Internal: ours, without people in it",
    DataClass.PERSONAL: "Personal: about living people",
    DataClass.HEALTH: "Health: about the health of people",
}


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """Data that the project uses."""

    name: str = ask.line("Name of the data")
    origin: str = ask.line("Where it comes from")
    licence: str = ask.line("Licence, or the right to use it")
    size_gigabytes: int | None = ask.whole("Size in gigabytes")


@dataclass(frozen=True, kw_only=True)
class DataAnswers:
    """Data."""

    data_class: DataClass | None = ask.choice(
        DataClass,
        DATA_CLASS_WORDS,
        "How sensitive is the data?",
        need="Say how sensitive the data is.",
    )
    has_personal_data: bool | None = ask.yes_no(
        "Does it say anything about living people?",
        need="Say whether there is personal data in it.",
    )
    data_description: str = ask.text(
        "Which data is it, and where does it come from?", length=10_000
    )
    data_sources: tuple[DataSource, ...] = ask.rows(
        DataSource,
        "Sources and licences",
        hint="Each set of data by itself, also that of models that you start from.",
        need="Name one source of data at least, with its licence.",
        forms=ask.FULL,
    )
    is_prohibited_practice: bool | None = ask.yes_no(
        "Does the system do anything that the AI Act forbids?",
        hint="Such as manipulating people, scoring their social behaviour, or reading emotions at"
        " work or at school (Article 5).",
        need="Say whether the system does anything that Art. 5 of the AI Act forbids.",
    )


def review_data(answers: DataAnswers, form: FormKind) -> dict[str, Sentence]:
    """Return contradictions, and sources that are not whole."""
    found: dict[str, Sentence] = {}
    if answers.data_class in PERSONAL_CLASSES and answers.has_personal_data is False:
        found["has_personal_data"] = Sentence("The class of the data says that it is personal.")
    rows = answers.data_sources
    if form is FormKind.FULL and any(not (r.name and r.origin and r.licence) for r in rows):
        found["data_sources"] = Sentence("Give each source its name, origin and licence.")
    return found
