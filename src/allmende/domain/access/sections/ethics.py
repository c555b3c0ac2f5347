"""The self-assessment: the seven headings of the Ethics Guidelines for Trustworthy AI of 2019."""

from dataclasses import dataclass

from allmende.domain.access import questions as ask

LENGTH = 1_500


@dataclass(frozen=True, kw_only=True)
class EthicsAnswers:
    """Ethics."""

    ethics_agency: str = ask.text(
        "Human agency and oversight",
        hint="Who can stop or overrule the system? Do people know that it is a machine?",
        need="Human agency: write a sentence or two, or why it does not apply.",
        length=LENGTH,
        forms=ask.FULL,
    )
    ethics_safety: str = ask.text(
        "Technical robustness and safety",
        hint="What if it is wrong, or somebody attacks it? How do you notice?",
        need="Robustness and safety: write a sentence or two, or why it does not apply.",
        length=LENGTH,
        forms=ask.FULL,
    )
    ethics_privacy: str = ask.text(
        "Privacy and data governance",
        hint="Whose data is in it, by what right, and who can read it?",
        need="Privacy: write a sentence or two, or why it does not apply.",
        length=LENGTH,
        forms=ask.FULL,
    )
    ethics_transparency: str = ask.text(
        "Transparency",
        hint="Can others see what it learned from, and why it decides as it does?",
        need="Transparency: write a sentence or two, or why it does not apply.",
        length=LENGTH,
        forms=ask.FULL,
    )
    ethics_fairness: str = ask.text(
        "Diversity, non-discrimination and fairness",
        hint="For whom may it work worse? How do you measure that?",
        need="Fairness: write a sentence or two, or why it does not apply.",
        length=LENGTH,
        forms=ask.FULL,
    )
    ethics_wellbeing: str = ask.text(
        "Individual, social and environmental well-being",
        hint="What does it do to people, to society and to the climate, its energy included?",
        need="Well-being: write a sentence or two, or why it does not apply.",
        length=LENGTH,
        forms=ask.FULL,
    )
    ethics_accountability: str = ask.text(
        "Accountability",
        hint="Who answers for it, and where do people turn who were harmed?",
        need="Accountability: write a sentence or two, or why it does not apply.",
        length=LENGTH,
        forms=ask.FULL,
    )
