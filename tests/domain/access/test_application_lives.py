"""Whatever people try with an application, in whatever order, the table of moves is kept."""

from random import Random

import pytest

from allmende.domain.access import applications
from allmende.domain.access.applications import (
    LIFECYCLE,
    ApplicationIsFrozen,
    ApplicationState,
)
from allmende.domain.basics.lifecycle import ForbiddenMove
from allmende.domain.basics.sentences import Sentence
from tests.domain.access.building import NOON, answers, draft, frozen
from tests.trials import IS_LONG

WHY = Sentence("Because.")
DECIDED = {
    ApplicationState.AWARDED,
    ApplicationState.INELIGIBLE,
    ApplicationState.REFUSED,
    ApplicationState.WITHDRAWN,
}


class Life:
    """The life of an application: whatever people try, in whatever order."""

    def __init__(self, dice: Random) -> None:
        self.dice, self.application, self.was_frozen = dice, draft(), None

    def go(self, steps):
        """Go so many steps, at random; return where the application stands."""
        deeds = [self.submit, self.edit, self.assess, self.decide, self.decide_eligibility] * 2
        for _ in range(steps):
            self.dice.choice([*deeds, self.withdraw])()
            if self.was_frozen:
                assert (self.application.form, self.application.frozen) == self.was_frozen
            is_decided = self.application.state in DECIDED
            assert is_decided is (self.application.decided_at is not None)
            assert is_decided is (self.application.decision is not None)
        return self.application.state

    def attempt(self, deed, *, target, step=None):
        is_its_step = step in (None, self.application.state)
        if is_its_step and LIFECYCLE.can_move(self.application.state, target):
            self.application = deed()
        else:
            with pytest.raises((ForbiddenMove, ApplicationIsFrozen)):
                deed()

    def submit(self):
        if self.application.state is ApplicationState.DRAFT:
            given = answers(**self.dice.choice([{}, {"size": None}]))
            self.application = applications.submit(
                self.application, frozen=frozen(given=given), now=NOON
            )
            self.was_frozen = (self.application.form, self.application.frozen)
        else:
            with pytest.raises(ApplicationIsFrozen):
                applications.submit(self.application, frozen=frozen(), now=NOON)

    def edit(self):
        if self.application.state is ApplicationState.DRAFT:
            self.application = applications.edit(self.application, {"title": "T"}, now=NOON)
        else:
            with pytest.raises(ApplicationIsFrozen):
                applications.edit(self.application, {"title": "T"}, now=NOON)

    def assess(self):
        self.attempt(
            lambda: applications.assess(self.application, is_feasible=True),
            target=ApplicationState.ASSESSED,
            step=ApplicationState.TECHNICAL_ASSESSMENT,
        )

    def decide(self):
        deed, target = self.dice.choice(
            [
                (applications.award, ApplicationState.AWARDED),
                (applications.refuse, ApplicationState.REFUSED),
            ]
        )
        self.attempt(lambda: deed(self.application, why=WHY, now=NOON), target=target)

    def decide_eligibility(self):
        is_eligible = self.dice.random() < 0.5
        states = (ApplicationState.INELIGIBLE, ApplicationState.TECHNICAL_ASSESSMENT)
        self.attempt(
            lambda: applications.decide_eligibility(
                self.application, is_eligible=is_eligible, why=WHY, now=NOON
            ),
            target=states[is_eligible],
            step=ApplicationState.SUBMITTED,
        )

    def withdraw(self):
        self.attempt(
            lambda: applications.withdraw(self.application, now=NOON),
            target=ApplicationState.WITHDRAWN,
        )


LIVES = 1_000 if IS_LONG else 100


def test_in_every_life_the_table_of_moves_is_kept_and_each_end_is_reached():
    ends = {Life(Random(seed)).go(steps=15) for seed in range(LIVES)}
    assert ends >= DECIDED
