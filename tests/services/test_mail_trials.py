"""Killed between sending and noting, a mail is sent again; two daemons never send one twice."""

import pytest

from tests.postgresql import empty_postgresql_url, postgresql_url
from tests.trials import BOTH, trial_of

__all__ = ["empty_postgresql_url", "postgresql_url"]
COUNT = 4

pytestmark = pytest.mark.slow


@pytest.fixture(params=BOTH)
def trial(request, tmp_path):
    return trial_of(request, tmp_path, "tests.services.mail_trials")


def test_a_daemon_killed_before_it_notes_a_mail_sends_it_again_under_the_same_id(trial):
    seen = trial("killed", COUNT)
    assert seen["before"] == {"queued": COUNT}
    assert seen["after"] == {"sent": COUNT}
    assert seen["sent"] == COUNT
    assert seen["mails"] == [2] * COUNT


def test_two_daemons_send_each_mail_once(trial):
    seen = trial("together", 10 * COUNT)
    assert seen["after"] == {"sent": 10 * COUNT}
    assert seen["mails"] == [1] * 10 * COUNT
