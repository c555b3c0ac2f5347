"""The onboarding: what must be done before a project starts, by whom, and when its time begins."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from allmende.domain.access.calls import Call
from allmende.domain.access.onboarding_steps import OnboardingStep, Sight, StepOwner
from allmende.domain.access.projects import Project, ProjectState, Tick
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence


class OnboardingIsOpen(Refusal):
    """Project {project} cannot start yet. Still to do: {missing}."""


class OnboardingIsOver(Refusal):
    """The onboarding of project {project} is over. If it is suspended, ask the programme office."""


class SystemSeesStep(Refusal):
    """“{step}” is ticked by nobody: the system sees by itself when it is done."""


class NotYourStep(Refusal):
    """“{step}” is for {who} to tick."""

    status = 403


OWNER_WORDS: Mapping[StepOwner, Sentence] = MappingProxyType(
    {
        StepOwner.ORGANISATION: Sentence("the organisation of the project"),
        StepOwner.OFFICE: Sentence("the programme office"),
    }
)


@dataclass(frozen=True, kw_only=True)
class StepView:
    """A step as it stands for a project."""

    id: str
    names: Mapping[str, str]
    done_by: StepOwner
    seen_as: Sight | None
    is_done: bool
    ticked_at: datetime | None = None
    ticked_by: str = ""


def list_steps(steps: Iterable[OnboardingStep], call: Call) -> tuple[OnboardingStep, ...]:
    """Return the steps of a call in their order; none where it needs no onboarding."""
    return tuple(
        step
        for step in steps
        if call.needs_onboarding and step.is_asked(call_id=call.id, partition_id=call.partition_id)
    )


def look_at(step: OnboardingStep, project: Project, *, seen: frozenset[Sight]) -> StepView:
    """Return how a step stands; `seen` is what the system sees done."""
    tick = next((each for each in project.ticks if each.step_id == step.id), None)
    view = StepView(
        id=step.id,
        names=step.names,
        done_by=step.done_by,
        seen_as=step.seen_as,
        is_done=tick is not None if step.seen_as is None else step.seen_as in seen,
    )
    if tick is None or step.seen_as is not None:
        return view
    return replace(view, ticked_at=tick.ticked_at, ticked_by=tick.ticked_by)


def tick(project: Project, step: OnboardingStep, *, by: str, now: datetime) -> Project:
    """Return the project with a step ticked; ticking it again changes nothing."""
    if step.seen_as is not None:
        raise SystemSeesStep(step=step.names)
    if any(each.step_id == step.id for each in project.ticks):
        return project
    check_open(project)
    made = Tick(step_id=step.id, ticked_at=now, ticked_by=by)
    return replace(project, ticks=(*project.ticks, made))


def check_open(project: Project) -> None:
    """Refuse a project that is past its onboarding; a suspended one is for the office to resume."""
    if project.state is not ProjectState.ONBOARDING:
        raise OnboardingIsOver(project=project.name)


def check_done(project: Project, views: Iterable[StepView]) -> None:
    """Refuse a start while steps are open, naming each of them."""
    missing: Sentence | None = None
    for view in views:
        if not view.is_done:
            name = Sentence("{name}", {"name": view.names})
            missing = (
                Sentence("{these}, {name}", {"these": missing, "name": name}) if missing else name
            )
    if missing is not None:
        raise OnboardingIsOpen(project=project.name, missing=missing)


def tell_clock(project: Project, *, now: datetime) -> Sentence:
    """Say when the time of a project runs, and what still moves."""
    facts = {"starts_at": project.period.starts_at, "ends_at": project.period.ends_at}
    if project.state is not ProjectState.ONBOARDING:
        return Sentence("The time runs from {starts_at} until {ends_at}.", facts)
    if now < project.period.starts_at:
        return Sentence(
            "The time starts when the project does, at the latest on {starts_at}. Until then the "
            "end moves with it, to {ends_at} at the latest.",
            facts,
        )
    return Sentence(
        "The time has been running since {starts_at}, although the onboarding is not finished. The "
        "end on {ends_at} does not move any more.",
        facts,
    )
