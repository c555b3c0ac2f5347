"""Whatever people try with an application, in whatever order, the table of moves is kept."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from allmende.domain.access import applications
from allmende.domain.access.applications import (
    LIFECYCLE,
    ApplicationIsFrozen,
    ApplicationState,
)
from allmende.domain.basics.lifecycle import ForbiddenMove
from allmende.domain.basics.sentences import Sentence
from tests.domain.access.building import NOON, answers, draft, frozen

WHY = Sentence("Because.")
DECIDED = {
    ApplicationState.AWARDED,
    ApplicationState.INELIGIBLE,
    ApplicationState.REFUSED,
    ApplicationState.WITHDRAWN,
}


class Life(RuleBasedStateMachine):
    """Whatever people try, in whatever order, the table of moves is kept."""

    def __init__(self):
        super().__init__()
        self.application = draft()
        self.was_frozen = None

    def attempt(self, deed, *, target, step=None):
        is_its_step = step in (None, self.application.state)
        if is_its_step and LIFECYCLE.can_move(self.application.state, target):
            self.application = deed()
        else:
            with pytest.raises((ForbiddenMove, ApplicationIsFrozen)):
                deed()

    @precondition(lambda self: self.application.state is ApplicationState.DRAFT)
    @rule(size_known=st.booleans())
    def submit(self, size_known):
        given_answers = answers() if size_known else answers(size=None)
        self.application = applications.submit(
            self.application, frozen=frozen(given=given_answers), now=NOON
        )
        self.was_frozen = (self.application.form, self.application.frozen)

    @precondition(lambda self: self.application.state is not ApplicationState.DRAFT)
    @rule()
    def submit_again(self):
        with pytest.raises(ApplicationIsFrozen):
            applications.submit(self.application, frozen=frozen(), now=NOON)

    @rule()
    def edit(self):
        if self.application.state is ApplicationState.DRAFT:
            self.application = applications.edit(self.application, {"title": "T"}, now=NOON)
        else:
            with pytest.raises(ApplicationIsFrozen):
                applications.edit(self.application, {"title": "T"}, now=NOON)

    @rule()
    def assess(self):
        self.attempt(
            lambda: applications.assess(self.application, is_feasible=True),
            target=ApplicationState.ASSESSED,
            step=ApplicationState.TECHNICAL_ASSESSMENT,
        )

    @rule(deed=st.sampled_from(["award", "refuse"]))
    def decide(self, deed):
        target = ApplicationState.AWARDED if deed == "award" else ApplicationState.REFUSED
        self.attempt(
            lambda: getattr(applications, deed)(self.application, why=WHY, now=NOON),
            target=target,
        )

    @rule(is_eligible=st.booleans())
    def decide_eligibility(self, is_eligible):
        states = (ApplicationState.INELIGIBLE, ApplicationState.TECHNICAL_ASSESSMENT)
        self.attempt(
            lambda: applications.decide_eligibility(
                self.application, is_eligible=is_eligible, why=WHY, now=NOON
            ),
            target=states[is_eligible],
            step=ApplicationState.SUBMITTED,
        )

    @rule()
    def withdraw(self):
        self.attempt(
            lambda: applications.withdraw(self.application, now=NOON),
            target=ApplicationState.WITHDRAWN,
        )

    @invariant()
    def nothing_frozen_changes(self):
        if self.was_frozen:
            assert (self.application.form, self.application.frozen) == self.was_frozen

    @invariant()
    def the_end_has_a_reason(self):
        is_decided = self.application.state in DECIDED
        assert is_decided is (self.application.decided_at is not None)
        assert is_decided is (self.application.decision is not None)


Life.TestCase.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
TestLife = Life.TestCase
