"""Late by one second is late, at ten o'clock in Berlin, also on the days when the clocks change."""

import shutil
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from allmende.domain.access.applications import ApplicationState
from allmende.domain.access.calls import CutOffHasPassed
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.basics.people import DAEMON
from allmende.services import applications, calls
from allmende.wiring import home
from allmende.wiring.access_rules import read_access_rules
from allmende.wiring.languages import write_instant
from tests.domain.access.full_form import FULL_ANSWERS
from tests.services.access import ANSWERS, deed, founder

pytestmark = pytest.mark.django_db
CALL_ID = "werkbank-ai-for-science-2027-1"
BERLIN = ZoneInfo("Europe/Berlin")
SECOND = timedelta(seconds=1)
TENS = {
    "2026-10-24": "08:00",  # the last day of summer time
    "2026-10-25": "09:00",  # clocks went back seven hours before
    "2026-12-11": "09:00",
    "2027-03-27": "09:00",
    "2027-03-28": "08:00",  # clocks went forward seven hours before
}


@pytest.fixture
def rules_until(tmp_path):
    """Return a function that makes the shipped rules with other cut-offs of one call."""

    def make(*cut_offs):
        shutil.copytree(home.PROJECT / "config", tmp_path / "config")
        path = tmp_path / "config" / "calls.toml"
        shipped = "cut_offs = [2026-12-11T10:00:00, 2027-02-26T10:00:00]"
        assert shipped in path.read_text()
        written = f"cut_offs = [{', '.join(cut_offs)}]"
        path.write_text(path.read_text().replace(shipped, written))
        return read_access_rules(tmp_path / "config")

    return make


def draft_under(rules):
    calls.open_call(deed(DAEMON), CALL_ID, rules=rules)
    ada, firm = founder(kind=OrganisationKind.UNIVERSITY, size=None)
    start = deed(ada, now=datetime(2026, 10, 2, tzinfo=UTC))
    draft = applications.start_application(start, call_id=CALL_ID, organisation_id=firm.id)
    runs = {"name": "Training", "runs": 1, "devices": 1, "hours": FULL_ANSWERS["requested_hours"]}
    answers = {**ANSWERS, **FULL_ANSWERS, "planned_runs": [runs]}
    return ada, applications.edit_application(start, draft.id, changes=answers)


@pytest.mark.parametrize(("day", "utc"), TENS.items())
def test_ten_in_berlin_is_late_and_a_second_before_is_not(rules_until, day, utc):
    rules = rules_until(f"{day}T10:00:00")
    (cut_off,) = rules.get_call(CALL_ID).cut_offs
    assert cut_off == datetime.fromisoformat(f"{day}T{utc}:00+00:00")
    with translation.override("de"):
        assert write_instant(cut_off).endswith(" 10:00")
    ada, draft = draft_under(rules)
    for late in (cut_off, cut_off + SECOND, cut_off + timedelta(microseconds=1)):
        with pytest.raises(CutOffHasPassed):
            applications.submit_application(deed(ada, now=late), draft.id, rules=rules)
        assert applications.get_application(ada, draft.id).state is ApplicationState.DRAFT
    in_time = datetime.fromisoformat(f"{day}T09:59:59").replace(tzinfo=BERLIN)
    done = applications.submit_application(deed(ada, now=in_time), draft.id, rules=rules)
    assert done.cut_off_at == cut_off
    assert done.submitted_at == in_time


def test_at_a_cut_off_with_another_behind_it_one_is_in_time_for_that_one(rules_until):
    rules = rules_until("2026-10-25T10:00:00", "2027-03-28T10:00:00")
    first, second = rules.get_call(CALL_ID).cut_offs
    ada, draft = draft_under(rules)
    done = applications.submit_application(deed(ada, now=first), draft.id, rules=rules)
    assert done.cut_off_at == second


def test_of_the_two_half_past_twos_of_october_the_first_counts(rules_until):
    (cut_off,) = rules_until("2026-10-25T02:30:00").get_call(CALL_ID).cut_offs
    assert cut_off == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
