"""What the office has to decide comes in the order of its clocks, page by page."""

from datetime import timedelta

import pytest

from allmende.domain.access.applications import LIFECYCLE, WAITING
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.services import applications, awards, worklists
from tests.services.access import (
    NOON,
    RULES,
    assessed,
    deed,
    drafted,
    founder,
    officer,
    open_playground,
    submitted,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def office():
    open_playground()
    return officer()


def read_all(list_page, office, limit):
    seen, after = [], ""
    while page := list_page(office, after=after, limit=limit):
        seen += page
        after = page[-1].id
    return seen


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_what_waits_comes_by_its_clock_and_what_was_decided_the_newest_first(office, limit):
    ada, firm = founder()
    drafted(ada, firm)
    made = [submitted(ada, firm, now=NOON + timedelta(days=day)).id for day in (3, 0, 9, 0, 1)]
    decided = [assessed(ada, firm) for _ in range(4)]
    for number, each in enumerate(decided):
        later = deed(office, now=NOON + timedelta(hours=5 * (number % 3)))
        awards.award_application(later, each.id, rules=RULES)
    applications.withdraw_application(deed(ada), drafted(ada, firm).id)
    waiting = read_all(worklists.list_waiting, office, limit)
    assert [(each.due_at, each.id) for each in waiting] == sorted(
        (applications.get_application(office, each).due_at, each) for each in made
    )
    assert worklists.count_waiting(office) == len(made)
    done = read_all(worklists.list_decided, office, limit)
    assert sorted(each.id for each in done) == sorted(each.id for each in decided)
    order = [(each.decided_at, each.id) for each in done]
    assert order == sorted(order, reverse=True)


def test_a_page_after_what_is_not_there_is_not_found(office):
    for list_page in (worklists.list_waiting, worklists.list_decided):
        with pytest.raises(NotFound):
            list_page(office, after="app-none")


def test_what_waits_is_what_can_still_be_decided():
    assert set(WAITING) == {
        state for state in LIFECYCLE.moves if state not in ("draft", "ineligible", "refused")
        and LIFECYCLE.moves[state]
    }  # fmt: skip


def test_applicants_have_no_worklist(office):
    ada, _ = founder()
    for ask in (worklists.count_waiting, worklists.list_waiting, worklists.list_decided):
        with pytest.raises(NotPermitted):
            ask(ada)
