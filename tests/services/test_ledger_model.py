"""Whatever is done in whatever order, the ledger agrees with a plain dictionary.

Two projects have time on two partitions that count different things.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

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

from allmende.domain.accounting.allocations import AccessShare
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
UNITS = {"werkbank": TimeUnit.NODE_SECONDS, "halle": TimeUnit.GPU_SECONDS}
Place = tuple[str, str]  # a project and a partition
PLACES: list[Place] = [(project, partition) for project in ("pr-1", "pr-2") for partition in UNITS]
ANY_PLACE = st.sampled_from(PLACES)
SECONDS = st.integers(1, 120)


def pool_of(partition_id: str) -> dict[str, Any]:
    return {
        "partition_id": partition_id,
        "access_share": "union",
        "mode_id": "playground",
        "unit": UNITS[partition_id],
    }


def named(place: Place) -> dict[str, str]:
    return {"project_id": place[0], "partition_id": place[1]}


@dataclass
class PlainProject:
    """What a project should have on a partition."""

    available: int = 0
    consumed: int = 0


class LedgerMachine(RuleBasedStateMachine):
    """Each rule does a deed in the ledger, and the same in the dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.count = 0
        self.pools = dict.fromkeys(UNITS, 900)
        self.projects = {place: PlainProject() for place in PLACES}
        self.open: dict[str, tuple[Place, int]] = {}
        self.used: dict[str, tuple[Place, int]] = {}
        self.done: list[Callable[[], object]] = []
        for partition_id in UNITS:
            allocations.open_pool(DEED, **pool_of(partition_id), seconds=900)
        for place in PLACES:
            self.award(place, 300)

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

    @rule(place=ANY_PLACE, seconds=SECONDS)
    def award(self, place: Place, seconds: int) -> None:
        project_id, partition_id = place
        award_id, covered = self.next_id("aw"), seconds <= self.pools[partition_id]
        self.do(
            lambda: allocations.award_to_project(
                DEED,
                award_id=award_id,
                project_id=project_id,
                **pool_of(partition_id),
                seconds=seconds,
            ),
            covered=covered,
        )
        if covered:
            self.pools[partition_id] -= seconds
            self.projects[place].available += seconds

    @rule(place=ANY_PLACE, seconds=SECONDS, back=st.integers(0, 120))
    def award_elsewhere(self, place: Place, seconds: int, back: int) -> None:
        """Both amounts move, or none; neither is worked out from the other."""
        (project_id, there), award_id = place, self.next_id("el")
        (home,) = set(UNITS) - {there}
        share = AccessShare(partition_id=there, name="union", unit=UNITS[there])
        has_back = not back or back <= self.projects[project_id, home].available
        covered = has_back and seconds <= self.pools[there]
        self.do(
            lambda: allocations.award_elsewhere(
                DEED,
                award_id=award_id,
                there=share.accounts_of(project_id),
                mode_id="playground",
                seconds=seconds,
                back_from=home,
                back_seconds=back,
            ),
            covered=covered,
        )
        if covered:
            self.pools[there] -= seconds
            self.projects[place].available += seconds
            self.pools[home] += back
            self.projects[project_id, home].available -= back

    @rule(place=ANY_PLACE, seconds=SECONDS)
    def claw_back(self, place: Place, seconds: int) -> None:
        claw_back_id, project = self.next_id("cb"), self.projects[place]
        covered = seconds <= project.available
        self.do(
            lambda: allocations.claw_back_project(
                DEED,
                claw_back_id=claw_back_id,
                **named(place),
                mode_id="playground",
                seconds=seconds,
                reason=WHY,
            ),
            covered=covered,
        )
        if covered:
            project.available -= seconds
            self.pools[place[1]] += seconds

    @rule(place=ANY_PLACE, seconds=SECONDS)
    def hold(self, place: Place, seconds: int) -> None:
        hold_id, project = self.next_id("j"), self.projects[place]
        covered = seconds <= project.available
        self.do(
            lambda: allocations.hold_for_job(
                DEED, **named(place), hold_id=hold_id, seconds=seconds, reason=WHY
            ),
            covered=covered,
        )
        if covered:
            project.available -= seconds
            self.open[hold_id] = (place, seconds)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), used=st.integers(0, 150))
    def settle(self, data: st.DataObject, used: int) -> None:
        hold_id = data.draw(st.sampled_from(sorted(self.open)))
        place, seconds = self.open.pop(hold_id)
        self.do(
            lambda: allocations.settle_job(DEED, hold_id=hold_id, used_seconds=used, reason=WHY)
        )
        self.projects[place].available += seconds - used
        self.projects[place].consumed += used
        self.used[hold_id] = (place, used)
        with pytest.raises(HoldIsSettled):
            allocations.settle_job(DEED, hold_id=hold_id, used_seconds=used + 1, reason=WHY)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        hold_id = data.draw(st.sampled_from(sorted(self.open)))
        place, seconds = self.open.pop(hold_id)
        self.do(lambda: allocations.void_hold(DEED, hold_id=hold_id, reason=WHY))
        self.projects[place].available += seconds

    @precondition(lambda self: any(used for _, used in self.used.values()))
    @rule(data=st.data())
    def refund(self, data: st.DataObject) -> None:
        hold_id = data.draw(
            st.sampled_from(sorted(h for h, (_, used) in self.used.items() if used))
        )
        place, used = self.used.pop(hold_id)
        self.do(
            lambda: allocations.refund_attempt(
                DEED, refund_id=hold_id, hold_id=hold_id, seconds=used, reason=WHY
            )
        )
        self.projects[place].available += used

    @rule(place=ANY_PLACE, everywhere=st.booleans())
    def expire(self, place: Place, everywhere: bool) -> None:
        project_id, partition_id = place
        expired = allocations.expire_places(
            DEED,
            expiry_id=self.next_id("ex"),
            project_id=project_id,
            partition_id="" if everywhere else partition_id,
            reason=WHY,
        )
        for there in UNITS if everywhere else [partition_id]:
            project = self.projects[project_id, there]
            lapsed = expired.get((there, "union"))
            assert (lapsed.amount_seconds if lapsed else 0) == max(0, project.available)
            project.available = min(0, project.available)

    @rule(data=st.data())
    def repeat_an_earlier_deed(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.done))()

    @invariant()
    def balances_are_as_in_the_dictionaries(self) -> None:
        pools = {f"pool:{each}:union:playground": left for each, left in self.pools.items()}
        assert store.get_balances(list(pools)) == pools
        for place, project in self.projects.items():
            suffix = f"{place[0]}:{place[1]}:union"
            held = sum(seconds for owner, seconds in self.open.values() if owner == place)
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
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
