"""What is trained, and with what."""

from dataclasses import dataclass
from enum import StrEnum

from allmende.domain.access import questions as ask
from allmende.domain.access.modes import FormKind
from allmende.domain.basics.sentences import Sentence

FLOP_MOST = 10**30


class Workflow(StrEnum):
    """What the machine does for the project."""

    TRAINING = "training"
    FINE_TUNING = "fine_tuning"
    INFERENCE = "inference"
    DATA = "data"


WORKFLOW_WORDS = {
    Workflow.TRAINING: "Training from scratch",
    Workflow.FINE_TUNING: "Fine-tuning of a model",
    Workflow.INFERENCE: "Inference",
    Workflow.DATA: "Preparing data",
}
TRAININGS = frozenset({Workflow.TRAINING, Workflow.FINE_TUNING})


@dataclass(frozen=True, kw_only=True)
class ModelAnswers:
    """The model."""

    workflows: tuple[Workflow, ...] = ask.many(
        Workflow,
        WORKFLOW_WORDS,
        "What will you do on the machine?",
        need="Say what you will do on the machine.",
        forms=ask.FULL,
    )
    frameworks: str = ask.line(
        "With which frameworks, and how in parallel?",
        hint="Such as PyTorch 2.9 with FSDP over 64 GPUs.",
        need="Name the frameworks.",
        forms=ask.FULL,
    )
    model_parameters: int | None = ask.whole(
        "How many parameters has the model?",
        hint="For a family, the largest. Write 7e9 for seven billion.",
        forms=ask.FULL,
    )
    training_tokens: int | None = ask.whole(
        "How many tokens or samples does the training see?",
        hint="Repeats count again.",
        most=10**18,
        forms=ask.FULL,
    )
    training_flop: int | None = ask.whole(
        "How many floating-point operations does the training take?",
        hint="6 × parameters × tokens for a transformer; the calculator fills it in.",
        most=FLOP_MOST,
        forms=ask.FULL,
    )
    has_open_results: bool | None = ask.yes_no(
        "Will the weights or the results be open to all?",
        need="Say whether weights or results will be open.",
        forms=ask.FULL,
    )


def review_model(answers: ModelAnswers, form: FormKind) -> dict[str, Sentence]:
    """Ask who trains for the size of what they train."""
    if form is FormKind.SHORT or not TRAININGS & set(answers.workflows):
        return {}
    needs = {
        "model_parameters": Sentence("Say how many parameters the model has."),
        "training_tokens": Sentence("Say how much the training sees."),
        "training_flop": Sentence("Say how many operations it takes; the calculator helps."),
    }
    return {name: why for name, why in needs.items() if getattr(answers, name) is None}
