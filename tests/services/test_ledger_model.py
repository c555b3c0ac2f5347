"""Whatever is done in whatever order, the ledger agrees with a plain dictionary."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from allmende.domain.accounting.holds import HoldIsSettled
from allmende.domain.accounting.ledger import NotEnoughTime
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit
from allmende.services import allocations, ledger
from allmende.services.deeds import Deed
from allmende.storage import ledger as store

WHY = Sentence("because")
DEED = Deed(
    actor=DAEMON, now=datetime(2026, 11, 22, 12, tzinfo=UTC), new_id=lambda prefix: f"{prefix}-1"
)
PLACE = {"partition_id": "werkbank", "access_share": "union"}
POOL = {**PLACE, "mode_id": "playground", "unit": TimeUnit.NODE_SECONDS}
PROJECTS = st.sampled_from(["pr-1", "pr-2"])
SECONDS = st.integers(1, 120)


@dataclass
class PlainProject:
    """What a project should have."""

    available: int = 0
    consumed: int = 0


class LedgerMachine(RuleBasedStateMachine):
    """Each rule does a deed in the ledger, and the same in the dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.count = 0
        self.pool = 500
        self.projects = {"pr-1": PlainProject(), "pr-2": PlainProject()}
        self.open: dict[str, tuple[str, int]] = {}
        self.used: dict[str, tuple[str, int]] = {}
        self.done: list[Callable[[], object]] = []
        self.do(lambda: allocations.open_pool(DEED, **POOL, seconds=500))
        for project_id in self.projects:
            self.award(project_id, 100)

    def teardown(self) -> None:
        assert ledger.check(DAEMON).findings == ()
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)

    def next_id(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}-{self.count}"

    def do(self, deed: Callable[[], object], *, covered: bool = True) -> None:
        """Do a deed that is refused exactly when it is not covered; remember it otherwise."""
        if covered:
            deed()
            self.done.append(deed)
        else:
            with pytest.raises(NotEnoughTime):
                deed()

    @rule(project_id=PROJECTS, seconds=SECONDS)
    def award(self, project_id: str, seconds: int) -> None:
        award_id, covered = self.next_id("aw"), seconds <= self.pool
        self.do(
            lambda: allocations.award_to_project(
                DEED, award_id=award_id, project_id=project_id, **POOL, seconds=seconds
            ),
            covered=covered,
        )
        if covered:
            self.pool -= seconds
            self.projects[project_id].available += seconds

    @rule(project_id=PROJECTS, seconds=SECONDS)
    def claw_back(self, project_id: str, seconds: int) -> None:
        claw_back_id, project = self.next_id("cb"), self.projects[project_id]
        covered = seconds <= project.available
        self.do(
            lambda: allocations.claw_back_project(
                DEED,
                claw_back_id=claw_back_id,
                project_id=project_id,
                mode_id="playground",
                seconds=seconds,
                reason=WHY,
            ),
            covered=covered,
        )
        if covered:
            project.available -= seconds
            self.pool += seconds

    @rule(project_id=PROJECTS, seconds=SECONDS)
    def hold(self, project_id: str, seconds: int) -> None:
        hold_id, project = self.next_id("j"), self.projects[project_id]
        covered = seconds <= project.available
        self.do(
            lambda: allocations.hold_for_job(
                DEED, project_id=project_id, hold_id=hold_id, seconds=seconds, reason=WHY
            ),
            covered=covered,
        )
        if covered:
            project.available -= seconds
            self.open[hold_id] = (project_id, seconds)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), used=st.integers(0, 150))
    def settle(self, data: st.DataObject, used: int) -> None:
        hold_id = data.draw(st.sampled_from(sorted(self.open)))
        project_id, seconds = self.open.pop(hold_id)
        self.do(
            lambda: allocations.settle_job(DEED, hold_id=hold_id, used_seconds=used, reason=WHY)
        )
        self.projects[project_id].available += seconds - used
        self.projects[project_id].consumed += used
        self.used[hold_id] = (project_id, used)
        with pytest.raises(HoldIsSettled):
            allocations.settle_job(DEED, hold_id=hold_id, used_seconds=used + 1, reason=WHY)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        hold_id = data.draw(st.sampled_from(sorted(self.open)))
        project_id, seconds = self.open.pop(hold_id)
        self.do(lambda: allocations.void_hold(DEED, hold_id=hold_id, reason=WHY))
        self.projects[project_id].available += seconds

    @precondition(lambda self: any(used for _, used in self.used.values()))
    @rule(data=st.data())
    def refund(self, data: st.DataObject) -> None:
        hold_id = data.draw(
            st.sampled_from(sorted(h for h, (_, used) in self.used.items() if used))
        )
        project_id, used = self.used.pop(hold_id)
        self.do(
            lambda: allocations.refund_attempt(
                DEED, refund_id=hold_id, hold_id=hold_id, seconds=used, reason=WHY
            )
        )
        self.projects[project_id].available += used

    @rule(project_id=PROJECTS)
    def expire(self, project_id: str) -> None:
        expiry_id = self.next_id("ex")
        expired = allocations.expire_project(
            DEED, expiry_id=expiry_id, project_id=project_id, reason=WHY
        )
        project = self.projects[project_id]
        assert (expired.amount_seconds if expired else 0) == max(0, project.available)
        project.available = min(0, project.available)

    @rule(data=st.data())
    def repeat_an_earlier_deed(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.done))()

    @invariant()
    def balances_are_as_in_the_dictionaries(self) -> None:
        assert store.get_balances(["pool:werkbank:union:playground"]) == {
            "pool:werkbank:union:playground": self.pool
        }
        for project_id, project in self.projects.items():
            suffix = f"{project_id}:werkbank:union"
            held = sum(seconds for owner, seconds in self.open.values() if owner == project_id)
            ids = [f"{kind}:{suffix}" for kind in ("project", "held", "consumed")]
            assert store.get_balances(ids) == dict(
                zip(ids, (project.available, held, project.consumed), strict=True)
            )


@pytest.mark.django_db
def test_the_ledger_agrees_with_plain_dictionaries():
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
