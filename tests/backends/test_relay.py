"""A relay keeps the contract of all backends, with an agent and a local backend behind it."""

from collections.abc import Callable

import pytest

from allmende.backends.local import LocalBackend
from allmende.domain.training.secrets import SecretsStayHere
from allmende.services.relays import SiteKeepsFiles
from allmende.storage import relays as store
from tests.agent.lines import Line, PumpedRelay
from tests.backends.contract import BackendContract, a_launch, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def backend(tmp_path) -> PumpedRelay:
    local = LocalBackend(tmp_path / "work", minimum_free_bytes=0)
    return PumpedRelay(Line(local, tmp_path / "agent"))


@pytest.fixture
def fail_node(backend: PumpedRelay) -> Callable[[str], object]:
    return backend.line.backend.fail_node


class TestContract(BackendContract):
    """Everything holds: the agent calls in whenever somebody looks."""

    def limit_output(self, backend, limit_bytes):
        backend.line.backend.output_limit_bytes = limit_bytes

    def test_what_a_job_left_is_deleted_for_good_and_no_more(self, backend):
        seen = run(backend, 'echo model > "$ALLMENDE_OUT/model"')
        with pytest.raises(SiteKeepsFiles):
            backend.remove_output(seen.key.removesuffix(".1"))

    def test_command_gets_secrets_that_are_kept_nowhere(self, backend):
        launch = a_launch(secrets={"TOKEN": "hush-hush"})
        with pytest.raises(SecretsStayHere):
            backend.start(launch)
        assert store.find_relayed(launch.key) is None
