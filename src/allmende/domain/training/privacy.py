"""What a differentially private training promises, as its own code says."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

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


def describe_privacy(privacy: Mapping[str, Any] | None) -> str:
    """Return what a card says about the guarantee; nothing where there is none."""
    if not privacy:
        return ""
    unit = f" for {privacy['unit']}" if "unit" in privacy else ""
    lines = [
        f"Differentially private: ε = {privacy['epsilon']:.4g}, δ = {privacy['delta']:.3g}{unit}.",
        "The smaller ε, the less anybody can learn about a single record; the promise is that of "
        "the training code.",
        "",
    ]
    rows = {
        "Covers": privacy.get("covers"),
        "Mechanism": privacy.get("mechanism"),
        "Counted by": privacy.get("accountant"),
        "Sampling": privacy.get("sampling"),
        "Chance of a record to be in a step": privacy.get("sampling_probability"),
        "Noise, in lengths of a cut gradient": privacy.get("noise_multiplier"),
        "Gradients cut to the length": privacy.get("max_grad_norm"),
        "Steps counted": privacy.get("steps"),
    }
    return "\n".join(lines + [f"- {name}: {_said(v)}" for name, v in rows.items() if v is not None])


def _said(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
