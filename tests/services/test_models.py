"""Models: registered once, seen by their owners, handed out only unchanged."""

import hashlib
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from allmende.backends.local import LocalBackend
from allmende.domain.basics.people import DAEMON, PUBLIC, Person, Role
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.domain.scheduling.backends import EndReason
from allmende.domain.scheduling.jobs import Attempt, Job, JobState, ResourceRequest
from allmende.domain.training.models import Model, Outputs, TrainingFacts
from allmende.domain.training.records import is_record_whole
from allmende.services import model_registry, models
from allmende.services.deeds import Deed
from allmende.storage import audit as audit_store
from allmende.storage import jobs as job_store
from allmende.storage.trained_models import ModelParentRow, TrainedModelRow
from allmende.wiring import new_id
from allmende.wiring.factory import load_factory
from tests.domain.training.recipes import FACTS, METRICS, THRESHOLDS, a_blueprint

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
OWNER = Person(
    id="p-1",
    name="Mina",
    roles=frozenset({Role.APPLICANT}),
    organisation_ids=frozenset({"o-clinic"}),
)
STRANGER = replace(OWNER, id="p-2", organisation_ids=frozenset({"o-other"}))
AUDITOR = Person(id="p-3", name="Ada", roles=frozenset({Role.AUDITOR}))
SPEC = {"name": "tumours", "blueprint": "toy@2", "record": {"licence": "CC-BY-4.0"}}
FILES = {
    "model.safetensors": b"weights",
    "facts.json": json.dumps(FACTS).encode(),
    "metrics.json": json.dumps(METRICS).encode(),
}


@pytest.fixture
def backend(tmp_path) -> LocalBackend:
    return LocalBackend(tmp_path)


def output_folder(backend: LocalBackend, job_id: str = "j-1") -> Path:
    return backend.folders.root / job_id / "home/out"


def leave(backend: LocalBackend, files: dict[str, bytes], *, job_id: str = "j-1") -> None:
    """Put files where a job's attempt would have left them."""
    out = output_folder(backend, job_id)
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (out / name).write_bytes(content)


def a_deed(actor: Person = DAEMON, *, hours: int = 0) -> Deed:
    return Deed(actor=actor, now=NOON + timedelta(hours=hours), new_id=new_id)


def add_job(job_id: str = "j-1", **changes: object) -> Job:
    job = Job(
        id=job_id,
        name="tumours",
        project_id="pr-1",
        organisation_id="o-clinic",
        person_id="p-1",
        partition_id="werkbank",
        access_share="union",
        group_id="sme",
        data_class="public",
        request=ResourceRequest(nodes=1, time_limit_seconds=60, memory_bytes_per_node=2**28),
        state=JobState.COMPLETED,
        submitted_at=NOON,
        client_key=job_id,
        spec=SPEC,
        attempts=2,
    )
    job = replace(job, **changes)
    job_store.save_job(job)
    return job


def add_attempt(number: int, reason: EndReason, **changes: object) -> None:
    attempt = Attempt(
        key=f"j-1.{number}",
        job_id="j-1",
        number=number,
        nodes=("werkbank-01",),
        decided_at=NOON,
        cycle_number=1,
        hold_id=f"hold:j-1.{number}",
        held_seconds=60,
        started_at=NOON + timedelta(seconds=10 * number),
        ended_at=NOON + timedelta(seconds=10 * number + 5),
        reason=reason,
        used_seconds=5,
        energy_joules=1800,
        energy_method="estimated",
        energy_scope="node",
    )
    job_store.save_attempt(replace(attempt, **changes), partition_id="werkbank")


def take(reader, model, backend, name="model.safetensors") -> bytes:
    taken = io.BytesIO()
    models.copy_model_file(reader, model.id, name, into=taken, backend_of=lambda _: backend)
    return taken.getvalue()


def read_outputs(backend: LocalBackend, job_id: str) -> Outputs:
    outputs = models.go_on(models.read_outputs(backend, job_id))
    assert outputs is not None
    return outputs


def register(backend: LocalBackend, job_id: str = "j-1", *, hours: int = 0) -> Model:
    return model_registry.register_model(
        a_deed(hours=hours),
        job_id,
        outputs=read_outputs(backend, job_id),
        blueprint=a_blueprint(),
        thresholds=THRESHOLDS,
        partition=load_factory().get_partition("werkbank"),
        carbon=None,
        catalogue={},
    )


@pytest.fixture
def model(backend, db) -> Model:
    """Return the model of a job that was stopped once and then completed."""
    leave(backend, FILES)
    add_job()
    add_attempt(1, EndReason.PREEMPTED)
    add_attempt(2, EndReason.COMPLETED)
    return register(backend)


def test_outputs_are_hashed_and_their_facts_read(backend):
    leave(backend, FILES)
    outputs = read_outputs(backend, "j-1")
    assert [(f.name, f.size_bytes) for f in outputs.files] == [
        ("facts.json", len(FILES["facts.json"])),
        ("metrics.json", len(FILES["metrics.json"])),
        ("model.safetensors", 7),
    ]
    assert outputs.files[2].sha256 == hashlib.sha256(b"weights").hexdigest()
    assert outputs.facts.parameters == 1234
    assert outputs.metrics == METRICS


def test_a_job_without_facts_has_outputs_all_the_same(backend):
    leave(backend, {"x.bin": b"1"})
    outputs = read_outputs(backend, "j-1")
    assert (outputs.facts, outputs.metrics) == (TrainingFacts(), {})


def test_a_large_model_is_read_piece_by_piece_and_hashed_the_same(backend, monkeypatch):
    monkeypatch.setattr(models, "PIECE_BYTES", 4)
    leave(backend, {"x.bin": b"0123456789", "y.bin": b"1"})  # three pieces and one
    steps = models.read_outputs(backend, "j-1")
    assert [models.go_on(steps, seconds=0) for _ in range(4)] == [None] * 4
    assert models.go_on(steps, seconds=0) == read_outputs(backend, "j-1")


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[1]", b"[" * 100_000, b"x" * 1_000_001])
def test_facts_that_are_no_json_are_noted_and_stop_nothing(backend, content):
    leave(backend, {"facts.json": content, "metrics.json": content})
    outputs = read_outputs(backend, "j-1")
    assert [f.sentence.english() for f in outputs.facts.findings] == [
        "facts.json takes keys and values."
    ]
    assert outputs.metrics == {}


def test_a_file_too_large_to_pass_on_is_noted_and_the_rest_is_kept(backend):
    leave(backend, FILES)
    with (output_folder(backend) / "huge.bin").open("wb") as file:
        file.truncate(models.LARGEST_FILE_BYTES + 1)
    outputs = read_outputs(backend, "j-1")
    assert [file.name for file in outputs.files] == sorted(FILES)
    assert [finding.key for finding in outputs.facts.findings] == ["huge.bin"]


def test_a_figure_that_is_no_number_becomes_nothing(backend):
    leave(backend, {"metrics.json": b'{"loss": NaN}'})
    assert read_outputs(backend, "j-1").metrics == {"loss": None}


def test_a_model_is_registered_with_its_run(model):
    run = model.record["run"]
    assert (model.organisation_id, model.licence, model.created_at) == (
        "o-clinic",
        "CC-BY-4.0",
        NOON,
    )
    assert (run["attempts"], run["preemptions"], run["node_failures"]) == (2, 1, 0)
    assert (run["wall_seconds"], run["used_seconds"]) == (15.0, 10)
    assert model.record["energy"]["joules"] == 3600
    assert 'tags: ["toy", "allmende"]' in model.card


def test_a_model_comes_back_from_the_database_as_it_went_in(model):
    assert models.get_model(OWNER, model.id) == model
    assert is_record_whole(models.get_model(OWNER, model.id).record)


def test_registering_twice_is_registering_once(backend, model):
    assert register(backend, hours=1) == model
    assert TrainedModelRow.objects.count() == 1


def test_registering_leaves_an_event(model):
    event = audit_store.list_events()[-1]
    assert (event.action, event.subject, event.facts["job"]) == (
        "model.registered",
        model.id,
        "j-1",
    )
    assert event.facts["record_sha256"] == model.record["sha256"]


def test_a_job_that_did_not_complete_has_no_model(backend):
    leave(backend, FILES)
    add_job(state=JobState.FAILED)
    with pytest.raises(model_registry.TrainingNotFinished, match="Job j-1 is failed"):
        register(backend)


def test_a_parent_from_elsewhere_may_have_a_long_name(backend):
    leave(backend, FILES)
    name = "meta-llama/Meta-Llama-3.1-405B-Instruct-FP8"
    add_job(spec=SPEC | {"record": {"parents": [name]}})
    model = register(backend)
    assert model.parents == (name,)
    assert ModelParentRow.objects.count() == 0


def test_nobody_registers_a_model_by_hand(backend):
    leave(backend, FILES)
    add_job()
    with pytest.raises(NotPermitted):
        model_registry.register_model(
            a_deed(OWNER),
            "j-1",
            outputs=read_outputs(backend, "j-1"),
            blueprint=a_blueprint(),
            thresholds=THRESHOLDS,
            partition=load_factory().get_partition("werkbank"),
            carbon=None,
            catalogue={},
        )


def test_an_attempt_of_unknown_energy_adds_nothing(backend):
    leave(backend, FILES)
    add_job()
    add_attempt(1, EndReason.NODE_FAIL, energy_method="", energy_scope="", energy_joules=0)
    add_attempt(2, EndReason.COMPLETED)
    record = register(backend).record
    assert (record["energy"]["joules"], record["run"]["node_failures"]) == (1800, 1)


def test_a_foreign_tenants_model_does_not_exist(model):
    for read in (models.get_model, models.find_model_of_job):
        with pytest.raises(NotFound):
            read(STRANGER, model.id if read is models.get_model else model.job_id)
    assert models.list_models(STRANGER) == []


def test_the_public_sees_no_model_that_is_not_public(model):
    assert models.list_models(PUBLIC) == []
    with pytest.raises(NotFound):
        models.get_model(PUBLIC, model.id)


def test_an_auditor_sees_the_card_but_not_the_weights(backend, model):
    assert models.get_model(AUDITOR, model.id) == model
    assert models.list_models(AUDITOR) == [model]
    with pytest.raises(NotFound):
        take(AUDITOR, model, backend)


def test_a_job_without_a_model_has_none(db):
    assert models.find_model_of_job(OWNER, "j-9") is None


def test_models_are_listed_newest_first_and_paged_by_key(backend, model):
    newer = []
    for number in (2, 3):
        leave(backend, FILES, job_id=f"j-{number}")
        add_job(f"j-{number}", project_id="pr-2")
        newer.append(register(backend, f"j-{number}", hours=number))
    second, third = newer
    assert models.list_models(OWNER) == [third, second, model]
    assert models.list_models(OWNER, limit=1) == [third]
    assert models.list_models(OWNER, after=third.id) == [second, model]
    assert models.list_models(OWNER, project_id="pr-2") == [third, second]


def test_a_file_is_handed_out_to_its_owner(backend, model):
    assert take(OWNER, model, backend) == b"weights"


def test_a_file_that_the_model_does_not_have_is_not_found(backend, model):
    leave(backend, {"later.txt": b"x"})
    with pytest.raises(NotFound):
        take(OWNER, model, backend, "later.txt")


def test_a_changed_file_is_not_handed_out(backend, model):
    leave(backend, {"model.safetensors": b"weightz"})
    with pytest.raises(models.ModelFileChanged):
        take(OWNER, model, backend)


def test_an_unchanged_model_verifies(backend, model):
    assert models.verify_model_files(OWNER, model.id, backend_of=lambda _: backend) == []


def test_every_change_of_a_model_is_found(backend, model):
    out = output_folder(backend)
    (out / "metrics.json").unlink()
    (out / "model.safetensors").write_bytes(b"weightz")
    TrainedModelRow.objects.update(record=model.record | {"energy": {}})
    findings = models.verify_model_files(AUDITOR, model.id, backend_of=lambda _: backend)
    assert [finding.english() for finding in findings] == [
        "metrics.json is missing",
        "model.safetensors was changed",
        "the training record was changed",
    ]


def test_a_name_that_would_go_astray_where_it_is_unpacked_is_no_part_of_the_model(tmp_path):
    class Site(LocalBackend):
        """One whose files an agent names."""

        def list_output(self, _job_id: str) -> dict[str, int]:
            return {"../key": 3, "/etc/key": 3}

    outputs = read_outputs(Site(tmp_path), "j-1")
    assert outputs.files == ()
    assert [finding.key for finding in outputs.facts.findings] == ["../key", "/etc/key"]


def test_a_name_that_reads_otherwise_than_it_is_stored_is_no_part_of_the_model(backend):
    leave(backend, {"a\nb": b"1", "b\u202efdp.exe": b"1"})
    outputs = read_outputs(backend, "j-1")
    assert outputs.files == ()
    assert [finding.key for finding in outputs.facts.findings] == ["a?b", "b?fdp.exe"]
