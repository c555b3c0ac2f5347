"""What the applicants declare; the words of each declaration are dated rows of `config/rules`."""

from dataclasses import dataclass

from allmende.domain.access import questions as ask

CENTS_MOST = 10**15


@dataclass(frozen=True, kw_only=True)
class DeclarationAnswers:
    """Declarations."""

    aid_received_cents: int | None = ask.euros(
        "De minimis aid of the last three years, in euros",
        hint="Only for companies: what you, and companies that control you or that you control, "
        "received from others than this factory. Write 0 if there was none.",
        most=CENTS_MOST,
        is_secret=True,
    )
    publish_names: bool = ask.tick("Our name and the title may be published", is_secret=True)
    declares_correct: bool = ask.tick(
        "Our answers are correct and complete",
        need="Declare that your answers are correct and complete.",
        is_secret=True,
    )
    declares_team_eligible: bool = ask.tick(
        "Everybody in the team works for an organisation in a country that may use the machine",
        need="Declare that the whole team may use the machine.",
        forms=ask.FULL,
        is_secret=True,
    )
    accepts_terms: bool = ask.tick(
        "We accept the terms of this call", need="Accept the terms of the call.", is_secret=True
    )
