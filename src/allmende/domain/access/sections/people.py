"""Who does the work."""

from collections.abc import Mapping
from dataclasses import dataclass

from allmende.domain.access import questions as ask
from allmende.domain.access.modes import FormKind
from allmende.domain.basics.sentences import Sentence

MONTHS_MOST = 1_200


@dataclass(frozen=True, kw_only=True)
class Member:
    """Somebody of the team."""

    name: str = ask.line("Name")
    email: str = ask.line("E-mail address")
    organisation: str = ask.line("Organisation")
    country: str = ask.country("Country of the organisation")


@dataclass(frozen=True, kw_only=True)
class PeopleAnswers:
    """The people."""

    principal_investigator: str = ask.line(
        "Principal investigator", need="Name the principal investigator."
    )
    principal_investigator_email: str = ask.line(
        "Their e-mail address", need="Give the principal investigator's e-mail address."
    )
    contract_months_after_end: int | None = ask.whole(
        "For how many months does their contract run beyond the end of the project?",
        hint="Three at least. A permanent contract: write 120.",
        need="Say how many months the principal investigator's contract runs after the end.",
        most=MONTHS_MOST,
    )
    team_countries: tuple[str, ...] = ask.codes(
        "From which other countries does the team work?",
        hint="As codes with two letters, such as FR, NL. Empty: from yours alone.",
        forms=ask.SHORT,
    )
    members: tuple[Member, ...] = ask.rows(
        Member,
        "Who else works on it?",
        hint="Everybody who will use the machine. The organisation decides, not the nationality.",
        forms=ask.FULL,
    )
    excluded_reviewers: str = ask.text(
        "Who should not review your application?",
        hint="Names or e-mail addresses, one a line. Reviewers never see this.",
        length=10_000,
        forms=ask.FULL,
        is_secret=True,
    )

    @property
    def countries(self) -> tuple[str, ...]:
        """Return the countries of the team, each once."""
        named = (*self.team_countries, *(each.country for each in self.members if each.country))
        return tuple(dict.fromkeys(named))


def review_people(
    answers: PeopleAnswers, form: FormKind, *, barred: Mapping[str, Sentence]
) -> dict[str, Sentence]:
    """Return what does not fit; `barred`: countries that may not use the machine, and why."""
    found: dict[str, Sentence] = {}
    email = answers.principal_investigator_email
    if email and "@" not in email:
        found["principal_investigator_email"] = Sentence("An e-mail address has an @ in it.")
    if form is FormKind.SHORT:
        return found
    for number, member in enumerate(answers.members, start=1):
        if not (member.name and "@" in member.email and member.organisation and member.country):
            found["members"] = Sentence(
                "Row {row}: give name, e-mail address, organisation and country.", {"row": number}
            )
        elif member.country in barred:
            facts = {"row": number, "name": member.name, "why": barred[member.country]}
            found["members"] = Sentence("Row {row}, {name}: {why}", facts)
        if "members" in found:
            break
    return found
