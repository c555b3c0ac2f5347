"""The steps of an onboarding, as `config/onboarding.toml` has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class StepOwner(StrEnum):
    """Who does a step."""

    ORGANISATION = "organisation"
    OFFICE = "office"


class Sight(StrEnum):
    """What the system sees by itself."""

    CONDITION = "condition"  # the award has no condition, or it is accepted
    MEMBERS = "members"  # somebody besides the first member works in the project
    SIGN_IN = "sign_in"  # every member has signed in at least once


@dataclass(frozen=True, kw_only=True)
class OnboardingStep:
    """Something to do before a project starts; of every call and partition unless it names some."""

    id: str
    names: Mapping[str, str]
    done_by: StepOwner
    seen_as: Sight | None = None  # None: somebody ticks it
    calls: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()

    def is_asked(self, *, call_id: str, partition_id: str) -> bool:
        """Say whether a project under that call on that partition has to do it."""
        of_call = not self.calls or call_id in self.calls
        return of_call and (not self.partitions or partition_id in self.partitions)
