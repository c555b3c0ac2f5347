"""The decision tables of eligibility: rows of facts, and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass

from allmende.domain.access.modes import Route
from allmende.domain.access.verdicts import Verdict
from allmende.domain.basics.sentences import Sentence


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What follows: `rule` is the dated row with the article, and with the price of a route."""

    rule: str
    verdict: Verdict
    sentence: Sentence  # a country row fills in its country
    route: Route | None = None
    group_id: str = ""  # "size": sme or industry, as the size class has it
    alternative: Sentence | None = None
    have_ready: tuple[Sentence, ...] = ()


@dataclass(frozen=True)
class Row:
    """Facts to match; a fact that is not named may be anything."""

    when: Mapping[str, frozenset[str]]
    outcome: Outcome

    def fits(self, facts: Mapping[str, str]) -> bool:
        """Say whether every named fact is one of those wanted."""
        return all(facts[name] in wanted for name, wanted in self.when.items())


def find_row(table: tuple[Row, ...], facts: Mapping[str, str]) -> Row:
    """Return the first row from the top that fits; the last row of every table fits all."""
    return next(row for row in table if row.fits(facts))


def _any(*values: str) -> frozenset[str]:
    return frozenset(values)


_OTHER_PARTNER = Sentence(
    "Apply together with an organisation in a member state, or ask the hosting entity for a "
    "decision of the Governing Board (Art. 16(5))."
)

# T1: the list of countries depends on when the machine was bought (Reg. (EU) 2021/1173 Art. 16).
COUNTRY_TABLE = (
    Row(
        {"country": _any("unknown")},
        Outcome(
            rule="country.rule",
            verdict=Verdict.UNRESOLVED,
            sentence=Sentence("Say in which country the organisation is established."),
        ),
    ),
    Row(
        {"country": _any("member_state")},
        Outcome(
            rule="country.rule",
            verdict=Verdict.ELIGIBLE,
            sentence=Sentence("{country} is a member state of the European Union."),
        ),
    ),
    Row(
        {"country": _any("admitted_by_board")},
        Outcome(
            rule="country.admitted_by_board",
            verdict=Verdict.ELIGIBLE,
            sentence=Sentence("{country} is admitted by a decision of the Governing Board."),
        ),
    ),
    Row(
        {"country": _any("associated"), "machine": _any("after_2020")},
        Outcome(
            rule="country.rule",
            verdict=Verdict.ELIGIBLE,
            sentence=Sentence("{country} is associated to Horizon Europe or Digital Europe."),
        ),
    ),
    Row(
        {"country": _any("partly_associated"), "machine": _any("after_2020")},
        Outcome(
            rule="country.rule",
            verdict=Verdict.UNRESOLVED,
            sentence=Sentence(
                "{country} is associated to parts of Horizon Europe only; the office decides."
            ),
            alternative=_OTHER_PARTNER,
        ),
    ),
    Row(
        {
            "country": _any("associated", "associated_before_2021"),
            "machine": _any("before_2021"),
        },
        Outcome(
            rule="country.rule",
            verdict=Verdict.UNRESOLVED,
            sentence=Sentence(
                "This machine asks for association to Horizon 2020; the office checks whether "
                "{country} had it."
            ),
            alternative=_OTHER_PARTNER,
        ),
    ),
    Row(
        {},
        Outcome(
            rule="country.rule",
            verdict=Verdict.INELIGIBLE,
            sentence=Sentence(
                "{country} is neither a member state nor associated to the programmes that "
                "this machine was bought under."
            ),
            alternative=_OTHER_PARTNER,
        ),
    ),
)

_ENTERPRISES = _any("sme", "scale_up", "not_sme", "enterprise_of_unknown_size")
_OWN_WORK = _any("private_innovation", "research")
_ACCOUNTS = Sentence(
    "The accounts of two years: yours, and those of every firm that counts with you."
)
_GRANT = Sentence("The number of the grant agreement, or of the Seal of Excellence.")
_ORDER = Sentence("A signed statement on who orders the work and who owns the results.")
_PAY_OR_PARTNER = Sentence(
    "Time is free inside a Horizon Europe or Digital Europe project, or with a Seal of Excellence."
)

# T2: route and price, by organisation and purpose (Reg. (EU) 2021/1173 Art. 17(6) and 18).
ROUTE_TABLE = (
    Row(
        {"who": _any("no_legal_person")},
        Outcome(
            rule="route.legal_person",
            verdict=Verdict.INELIGIBLE,
            sentence=Sentence("A group without legal personality cannot sign for compute time."),
            alternative=Sentence("Apply through a member that is a legal person."),
        ),
    ),
    Row(
        {"who": _any("unknown")},
        Outcome(
            rule="route.legal_person",
            verdict=Verdict.UNRESOLVED,
            sentence=Sentence("Say what kind of organisation applies."),
        ),
    ),
    Row(
        {"purpose": _any("unknown")},
        Outcome(
            rule="route.purpose",
            verdict=Verdict.UNRESOLVED,
            sentence=Sentence("Say what the compute time is for."),
        ),
    ),
    Row(
        {"who": _ENTERPRISES, "purpose": _any("eu_project")},
        Outcome(
            rule="route.eu_project",
            verdict=Verdict.ELIGIBLE,
            sentence=Sentence(
                "Work inside a European research project is free of charge for everybody."
            ),
            route=Route.AI_FOR_SCIENCE,
            group_id="size",
            have_ready=(_GRANT,),
        ),
    ),
    Row(
        {"who": _any("sme"), "purpose": _OWN_WORK},
        Outcome(
            rule="route.sme",
            verdict=Verdict.ELIGIBLE,
            sentence=Sentence(
                "As an SME you innovate with artificial intelligence free of charge."
            ),
            route=Route.INDUSTRIAL_INNOVATION,
            group_id="sme",
            have_ready=(_ACCOUNTS,),
        ),
    ),
    Row(
        {
            "who": _any("scale_up"),
            "purpose": _OWN_WORK,
            "scale_up_price": _any("free"),
        },
        Outcome(
            rule="route.scale_up",
            verdict=Verdict.ELIGIBLE,
            sentence=Sentence("This factory lets scale-ups innovate free of charge."),
            route=Route.INDUSTRIAL_INNOVATION,
            group_id="industry",
            have_ready=(_ACCOUNTS,),
        ),
    ),
    Row(
        {"who": _any("scale_up"), "purpose": _OWN_WORK},
        Outcome(
            rule="route.scale_up",
            verdict=Verdict.ELIGIBLE,
            sentence=Sentence(
                "A scale-up that is no longer an SME may use the machine; free of charge "
                "it is for SMEs only."
            ),
            route=Route.COMMERCIAL,
            group_id="industry",
            alternative=_PAY_OR_PARTNER,
        ),
    ),
    Row(
        {"who": _any("not_sme"), "purpose": _OWN_WORK},
        Outcome(
            rule="route.commercial",
            verdict=Verdict.ELIGIBLE,
            sentence=Sentence(
                "An enterprise that is no SME pays the market price for its own work."
            ),
            route=Route.COMMERCIAL,
            group_id="industry",
            alternative=_PAY_OR_PARTNER,
        ),
    ),
    Row(
        {"who": _any("enterprise_of_unknown_size"), "purpose": _OWN_WORK},
        Outcome(
            rule="route.sme",
            verdict=Verdict.UNRESOLVED,
            sentence=Sentence(
                "Whether you are an SME decides between free of charge and paid; figures are "
                "missing."
            ),
            alternative=Sentence("Give headcount, turnover and balance sheet of two years."),
        ),
    ),
    Row(
        {"purpose": _any("commissioned")},
        Outcome(
            rule="route.commissioned",
            verdict=Verdict.ELIGIBLE,
            sentence=Sentence(
                "Work that a private firm orders counts as commercial, whoever does it."
            ),
            route=Route.COMMERCIAL,
            group_id="industry",
            alternative=Sentence("If the firm is an SME, it can apply itself, free of charge."),
            have_ready=(_ORDER,),
        ),
    ),
    Row(
        {"who": _any("science", "public"), "purpose": _any("research", "eu_project")},
        Outcome(
            rule="route.science",
            verdict=Verdict.ELIGIBLE,
            sentence=Sentence(
                "Universities, public research and public bodies use the machine free of charge."
            ),
            route=Route.AI_FOR_SCIENCE,
            group_id="science",
        ),
    ),
    Row(
        {"who": _any("association"), "purpose": _any("eu_project")},
        Outcome(
            rule="route.eu_project",
            verdict=Verdict.ELIGIBLE,
            sentence=Sentence(
                "Work inside a European research project is free of charge for everybody."
            ),
            route=Route.AI_FOR_SCIENCE,
            group_id="science",
            have_ready=(_GRANT,),
        ),
    ),
    Row(
        {},
        Outcome(
            rule="route.office",
            verdict=Verdict.UNRESOLVED,
            sentence=Sentence("The rules do not name this case; the programme office decides."),
            alternative=Sentence("Write two sentences on who orders the work and who owns it."),
        ),
    ),
)
