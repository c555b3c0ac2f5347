"""The daemon outlives troubles of its machine, and nothing else."""

import pytest
from django.db import OperationalError

from allmende.daemon import Daemon

pytestmark = pytest.mark.django_db(transaction=True)


class Stumbling(Daemon):
    """Meets a trouble at its first heartbeat, and stops at its second."""

    def __init__(self, trouble: Exception) -> None:
        super().__init__(heartbeat_seconds=0)
        self.troubles = [trouble]
        self.beats = 0

    def beat(self) -> None:
        self.beats += 1
        if self.troubles:
            raise self.troubles.pop()
        self.stop()


def test_a_busy_database_is_waited_for():
    daemon = Stumbling(OperationalError("database is locked"))
    daemon.run()
    assert daemon.beats == 2


def test_a_mistake_of_ours_ends_the_daemon_for_the_next_to_begin():
    with pytest.raises(KeyError):
        Stumbling(KeyError("a mistake")).run()


def test_two_daemons_of_one_name_are_still_two():
    assert Stumbling(KeyError()).holder != Stumbling(KeyError()).holder
