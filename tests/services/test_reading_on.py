"""A heartbeat reads a part of a large model, and goes on with the next: nothing waits for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from allmende.domain.scheduling.jobs import JobState
from allmende.domain.training.models import Model
from allmende.services import models, trainings
from tests.services.running import Running, a_running_factory

pytestmark = pytest.mark.django_db
KEY = "founder"


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


def test_a_large_model_takes_several_heartbeats_and_a_small_one_waits_for_none(
    factory: Running, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(models, "PIECE_BYTES", 4)
    monkeypatch.setattr(trainings, "LOOK_SECONDS", 0)
    large, small = (
        factory.submit(KEY, name, run=f"printf {content} > $ALLMENDE_OUT/x.bin")[0].id
        for name, content in (("large", "0" * 200), ("small", "0"))
    )
    # Both are to be read from the beginning, whichever of them ends first, and however much.
    with monkeypatch.context() as nobody_reads:
        nobody_reads.setattr(trainings, "register_trainings", lambda *_, **__: [])
        factory.run_to_end(large, small)

    def find(job_id: str) -> Model | None:
        return models.find_model_of_job(factory.person(KEY), job_id)

    factory.beat()
    factory.beat()  # after its only piece there is none
    assert find(small) is not None
    assert find(large) is None
    beats = 0
    while (model := find(large)) is None:
        factory.beat()
        beats += 1
        assert beats < 60
    assert [file.size_bytes for file in model.files] == [200]
    assert factory.job(large).state is JobState.COMPLETED
