"""Whoever only looks at an attempt takes nothing for its end that is none."""

import pytest

from allmende.backends.nodes import locks
from allmende.domain.scheduling.backends import AttemptState, EndReason
from tests.backends.contract import a_launch, observe, wait_for_end


def test_an_attempt_that_another_daemon_starts_while_it_is_looked_at_is_no_dead_node(
    backend, monkeypatch: pytest.MonkeyPatch
):
    launch, find_holder = a_launch("echo ran"), locks.find_holder

    def start_after_the_look(path):
        found = find_holder(path)
        monkeypatch.setattr(locks, "find_holder", find_holder)  # only the first look meets it
        backend.start(launch)
        return found

    monkeypatch.setattr(locks, "find_holder", start_after_the_look)
    assert observe(backend, launch.key).state is not AttemptState.ENDED
    assert wait_for_end(backend, launch.key).reason is EndReason.COMPLETED
