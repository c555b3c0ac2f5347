"""What a differentially private training promises, as its own code says."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from allmende.domain.basics.powers import write_power
from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.fields import Fields

TEXTS = ("unit", "mechanism", "accountant", "sampling", "covers")
NUMBERS = ("sampling_probability", "noise_multiplier", "max_grad_norm", "steps")


@dataclass(frozen=True, kw_only=True)
class PrivacyFacts:
    """The budget that a training spent: with it, nobody learns much about one record."""

    epsilon: float
    delta: float
    unit: str = ""  # what may differ between two data sets, for example one record
    mechanism: str = ""
    accountant: str = ""  # what counted epsilon, with its version
    sampling: str = ""
    covers: str = ""
    sampling_probability: float | None = None
    noise_multiplier: float | None = None
    max_grad_norm: float | None = None
    steps: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what was said, and nothing for what was not."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None)}


def parse_privacy(section: Fields) -> PrivacyFacts | None:
    """Read the section `privacy` of facts.json; None where nothing, or nothing sound, is said."""
    if not section.values:
        return None
    epsilon, delta = section.number("epsilon"), section.number("delta")
    if epsilon is None or delta is None:
        return None
    if epsilon < 0:
        section.find("epsilon", "{key} takes a number, 0 or above.")
        return None
    if not 0 <= delta < 1:
        section.find("delta", "{key} takes a number from 0 to below 1.")
        return None
    numbers = {name: section.number(name) for name in NUMBERS if section.has(name)}
    texts = {name: section.text(name) for name in TEXTS}
    return PrivacyFacts(epsilon=epsilon, delta=delta, **numbers, **texts)  # type: ignore[arg-type]


def describe_privacy(
    privacy: Mapping[str, Any] | None,
    *,
    say: Callable[[Sentence], str],
    number: Callable[[str], str],
) -> str:
    """Return what a card says about the guarantee; nothing where there is none.

    `say` and `number` put sentences and figures into the language of the card.
    """
    if not privacy:
        return ""
    facts = {
        "epsilon": number(f"{privacy['epsilon']:.4g}"),
        "delta": write_power(privacy["delta"]),
        "unit": privacy.get("unit", ""),
    }
    promise = Sentence("Differentially private: ε = {epsilon}, δ = {delta}.", facts)
    if facts["unit"]:
        promise = Sentence("Differentially private: ε = {epsilon}, δ = {delta} for {unit}.", facts)
    meaning = Sentence(
        "The smaller ε, the less anybody can learn about a single record; the promise is that of "
        "the training code."
    )
    rows = (
        (Sentence("Covers"), "covers"),
        (Sentence("Mechanism"), "mechanism"),
        (Sentence("Counted by"), "accountant"),
        (Sentence("Sampling"), "sampling"),
        (Sentence("Chance of a record to be in a step"), "sampling_probability"),
        (Sentence("Noise, in lengths of a cut gradient"), "noise_multiplier"),
        (Sentence("Gradients cut to the length"), "max_grad_norm"),
        (Sentence("Steps counted"), "steps"),
    )

    def tell(value: str | float) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, int):
            return number(f"{value:,}")
        written = write_power(value)
        return say(written) if isinstance(written, Sentence) else number(str(written))

    told = [f"- {say(name)}: {tell(privacy[key])}" for name, key in rows if key in privacy]
    return "\n".join([say(promise), say(meaning), "", *told])
