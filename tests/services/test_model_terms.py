"""The owner decides who sees a model; deleting leaves a certificate; versions and parents count."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from allmende.domain.basics.people import DAEMON, PUBLIC, Person, Role
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.domain.training.models import ModelRemembersPeople, SharedWithoutLicence, Visibility
from allmende.services import model_terms, models
from allmende.services.errands import AgentTakesNoErrands, SiteIsCutOff
from allmende.services.model_terms import Terms
from allmende.storage import audit as audit_store
from tests.services.test_models import (
    AUDITOR,
    FILES,
    NOON,
    OWNER,
    SPEC,
    STRANGER,
    a_deed,
    add_job,
    backend,  # noqa: F401 - a fixture
    leave,
    model,  # noqa: F401 - a fixture
    output_folder,
    register,
    take,
)

pytestmark = pytest.mark.django_db
FACTORY = Terms(visibility=Visibility.FACTORY, licence="CC-BY-4.0")
OPEN = Terms(visibility=Visibility.PUBLIC, licence="CC-BY-4.0")
REVIEWER = Person(id="p-9", name="Rolf", roles=frozenset({Role.REVIEWER}))


def train_further(backend, job_id: str, **record: object):  # noqa: F811
    leave(backend, FILES, job_id=job_id)
    add_job(job_id, spec=SPEC | {"record": SPEC["record"] | record})
    return register(backend, job_id, hours=1)


def test_a_second_model_of_a_name_is_the_next_version(backend, model):  # noqa: F811
    second = train_further(backend, "j-2")
    assert [(each.family, each.version) for each in (model, second)] == [
        ("tumours", 1),
        ("tumours", 2),
    ]
    assert models.list_versions(OWNER, second) == [model, second]
    assert second.record["cumulative"]["family"]["versions"] == 2


def test_a_named_family_counts_by_itself(backend, model):  # noqa: F811
    assert train_further(backend, "j-2", family="lungs").label == "lungs v1"


def test_a_model_counts_the_compute_of_those_it_was_trained_further_from(
    backend,  # noqa: F811
    model,  # noqa: F811
):
    child = train_further(backend, "j-2", parents=[model.id])
    grandchild = train_further(backend, "j-3", parents=[child.id])
    total = grandchild.record["cumulative"]["model"]
    assert (total["flop"], total["is_lower_bound"]) == (15_000_000, False)
    assert total["ancestors"] == sorted([model.id, child.id])
    assert total["modifier"]["original_flop"] == 10_000_000


def test_a_parent_from_elsewhere_leaves_the_sum_a_lower_bound(backend, model):  # noqa: F811
    child = train_further(backend, "j-2", parents=["EuroLLM-9B"])
    total = child.record["cumulative"]["model"]
    assert total["is_lower_bound"]
    assert total["modifier"]["basis"] == "original of unknown compute"
    assert "Trained further from EuroLLM-9B, of unknown compute" in child.card


def test_a_parent_that_one_may_not_use_does_not_exist(model):  # noqa: F811
    models.check_parents(OWNER, [model.id, "EuroLLM-9B"])
    for stranger in (STRANGER, AUDITOR):
        with pytest.raises(NotFound):
            models.check_parents(stranger, [model.id])


@pytest.mark.parametrize(
    ("terms", "seen_by"),
    [
        (Terms(visibility=Visibility.PROJECT), set()),
        (FACTORY, {STRANGER.id, REVIEWER.id}),
        (OPEN, {STRANGER.id, REVIEWER.id, PUBLIC.id}),
    ],
    ids=["project", "factory", "public"],
)
def test_a_model_is_seen_and_taken_by_whom_its_owner_names(backend, model, terms, seen_by):  # noqa: F811
    model_terms.set_terms(a_deed(OWNER), model.id, terms)
    for reader in (STRANGER, REVIEWER, PUBLIC):
        listed = [each.id for each in models.list_models(reader)]
        assert listed == ([model.id] if reader.id in seen_by else [])
        if reader.id in seen_by:
            assert take(reader, model, backend) == b"weights"
        else:
            with pytest.raises(NotFound):
                take(reader, model, backend)


@pytest.mark.parametrize("person", [STRANGER, PUBLIC, AUDITOR, REVIEWER], ids=lambda p: p.id)
def test_nobody_but_the_owner_shares_or_deletes(backend, model, person):  # noqa: F811
    with pytest.raises((NotFound, NotPermitted)):
        model_terms.set_terms(a_deed(person), model.id, OPEN)
    with pytest.raises((NotFound, NotPermitted)):
        model_terms.delete_files(a_deed(person), model.id, backend_of=lambda _: backend)
    assert models.get_model(OWNER, model.id) == model
    assert (output_folder(backend) / "model.safetensors").exists()


def test_nothing_is_shared_without_a_licence(model):  # noqa: F811
    with pytest.raises(SharedWithoutLicence):
        model_terms.set_terms(a_deed(OWNER), model.id, replace(OPEN, licence=" "))


def test_what_remembers_people_stays_in_its_project(backend, model):  # noqa: F811
    leave(backend, FILES, job_id="j-2")
    add_job("j-2", spec=SPEC | {"data_class": "health"})
    remembering = register(backend, "j-2")
    with pytest.raises(ModelRemembersPeople, match="health"):
        model_terms.set_terms(a_deed(OWNER), remembering.id, FACTORY)


def test_another_licence_stands_in_the_card_and_the_record_stays_sealed(model):  # noqa: F811
    changed = model_terms.set_terms(a_deed(OWNER), model.id, replace(OPEN, licence="EUPL-1.2"))
    assert 'license: "eupl-1.2"' in changed.card
    assert changed.record == model.record
    assert audit_store.list_events(subject=model.id)[-1].facts == {
        "visibility": "public",
        "licence": "EUPL-1.2",
        "keep_until": "",
    }


def test_saying_the_same_again_leaves_no_second_event(model):  # noqa: F811
    for _ in range(2):
        model_terms.set_terms(a_deed(OWNER), model.id, OPEN)
    actions = [each.action for each in audit_store.list_events(subject=model.id)]
    assert actions == ["model.registered", "model.shared"]


@pytest.mark.parametrize("licence", ["x" * 101, "a\nb"])
def test_a_licence_is_a_short_name(model, licence):  # noqa: F811
    with pytest.raises(model_terms.LicenceTooLong):
        model_terms.set_terms(a_deed(OWNER), model.id, replace(OPEN, licence=licence))


def test_files_are_not_kept_until_a_day_that_is_over(model):  # noqa: F811
    with pytest.raises(model_terms.DayIsPast):
        model_terms.set_terms(a_deed(OWNER), model.id, replace(OPEN, keep_until=NOON.date()))


def test_a_deletion_takes_files_and_checkpoints_and_leaves_a_certificate(backend, model):  # noqa: F811
    checkpoints = output_folder(backend).parent / "checkpoints"
    (checkpoints / "step-1").mkdir(parents=True)
    with pytest.raises(model_terms.NotDeleted):
        model_terms.get_certificate(OWNER, model.id)
    deed = a_deed(OWNER, hours=1)
    for _ in range(2):
        deleted = model_terms.delete_files(deed, model.id, backend_of=lambda _: backend)
    assert deleted.deleted_at == deed.now
    assert not output_folder(backend).exists()
    assert not checkpoints.exists()
    certificate = model_terms.get_certificate(OWNER, model.id)
    weights = hashlib.sha256(b"weights").hexdigest()
    assert certificate["files"]["model.safetensors"] == weights
    assert certificate["record_sha256"] == model.record["sha256"]
    event = audit_store.list_events(subject=model.id)[-1]
    assert (certificate["audit_event"], certificate["audit_hash"]) == (event.number, event.hash)
    assert models.verify_model_files(OWNER, model.id, backend_of=lambda _: backend) == []
    with pytest.raises(models.ModelDeleted, match="2026-11-22"):
        take(OWNER, model, backend)


def test_a_link_in_place_of_the_output_is_taken_away_and_not_followed(backend, model, tmp_path):  # noqa: F811
    out, elsewhere = output_folder(backend), tmp_path / "elsewhere"
    out.rename(elsewhere)
    out.symlink_to(elsewhere)
    model_terms.delete_files(a_deed(OWNER), model.id, backend_of=lambda _: backend)
    assert not out.is_symlink()
    assert (elsewhere / "model.safetensors").exists()


def test_files_go_when_the_day_is_over_until_which_they_were_kept(backend, model):  # noqa: F811
    keep = replace(OPEN, keep_until=(NOON + timedelta(days=2)).date())
    model_terms.set_terms(a_deed(OWNER), model.id, keep)
    for hours, gone in ((48, 0), (72, 1), (96, 0)):
        done = model_terms.delete_expired(a_deed(hours=hours), backend_of=lambda _: backend)
        assert len(done) == gone
    certificate = model_terms.get_certificate(PUBLIC, model.id)
    assert (certificate["reason"], certificate["actor"]) == ("retention", DAEMON.id)


class FarAway:
    """A backend whose site cannot be reached, until it can."""

    def __init__(self, backend) -> None:  # noqa: F811
        self.backend = backend
        self.is_cut_off = True
        self.asked: list[str] = []
        self.copies = {"j-1", "j-2"}  # here, of what the jobs left there

    def __getattr__(self, name: str):
        return getattr(self.backend, name)

    def remove_output(self, job_id: str) -> dict[str, str]:
        self.asked.append(job_id)
        self.forget_output(job_id)
        if self.is_cut_off:
            raise SiteIsCutOff(site="harz", instant=NOON)
        self.backend.remove_output(job_id)
        return {"site": "harz", "site_statement": "gone"}

    def forget_output(self, job_id: str) -> None:
        self.copies.discard(job_id)


def test_a_site_that_does_not_answer_is_asked_once_in_a_look(backend, model):  # noqa: F811
    far, second = FarAway(backend), train_further(backend, "j-2")
    for each in (model, second):
        keep = replace(OPEN, keep_until=(NOON + timedelta(days=2)).date())
        model_terms.set_terms(a_deed(OWNER, hours=1), each.id, keep)
    asked = model_terms.delete_expired(a_deed(hours=72), backend_of=lambda _: far)
    assert [each.deletion_asked_at for each in asked] == [NOON + timedelta(hours=72)] * 2
    assert (len(far.asked), far.copies) == (1, set())
    far.is_cut_off = False
    done = model_terms.delete_expired(a_deed(hours=73), backend_of=lambda _: far)
    assert [each.deleted_at for each in done] == [NOON + timedelta(hours=73)] * 2


def test_a_deletion_that_a_site_has_not_confirmed_is_asked_for_and_done_later(backend, model):  # noqa: F811
    far = FarAway(backend)
    for hours in (1, 2):
        asked = model_terms.delete_files(
            a_deed(OWNER, hours=hours), model.id, backend_of=lambda _: far
        )
    assert (asked.deleted_at, asked.deletion_asked_at) == (None, NOON + timedelta(hours=1))
    for ask in (take, lambda *_: model_terms.get_certificate(OWNER, model.id)):
        with pytest.raises(models.DeletionIsOpen, match="2026-11-22"):
            ask(OWNER, model, far)
    assert models.verify_model_files(OWNER, model.id, backend_of=lambda _: far) == []
    (still,) = model_terms.delete_expired(a_deed(hours=3), backend_of=lambda _: far)
    assert still.deleted_at is None
    far.is_cut_off = False
    (done,) = model_terms.delete_expired(a_deed(hours=4), backend_of=lambda _: far)
    assert done.deleted_at == NOON + timedelta(hours=4)
    assert not output_folder(backend).exists()
    certificate = model_terms.get_certificate(OWNER, model.id)
    assert (certificate["asked_by"], certificate["actor"]) == (OWNER.id, DAEMON.id)
    assert (certificate["reason"], certificate["site_statement"]) == ("owner", "gone")
    assert certificate["asked_at"] < certificate["deleted_at"]
    actions = [event.action for event in audit_store.list_events(subject=model.id)]
    assert actions == ["model.registered", "model.deletion_asked", "model.deleted"]
    assert model_terms.delete_expired(a_deed(hours=5), backend_of=lambda _: far) == []


def test_files_that_cannot_be_deleted_stop_no_other_deletion(backend, model):  # noqa: F811
    far = FarAway(backend)
    for trouble in (PermissionError(13, "Permission denied"), RecursionError()):
        far.remove_output = lambda _, trouble=trouble: (_ for _ in ()).throw(trouble)
        asked = model_terms.delete_files(a_deed(OWNER), model.id, backend_of=lambda _, far=far: far)
        assert asked.deletion_asked_at is not None
        (still,) = model_terms.delete_expired(a_deed(hours=1), backend_of=lambda _, far=far: far)
        assert still.deleted_at is None
    (done,) = model_terms.delete_expired(a_deed(hours=2), backend_of=lambda _: backend)
    assert done.deleted_at is not None


def test_what_a_site_refuses_for_good_is_refused(backend, model):  # noqa: F811
    far = FarAway(backend)
    far.remove_output = lambda _: (_ for _ in ()).throw(AgentTakesNoErrands(site="harz"))
    with pytest.raises(AgentTakesNoErrands):
        model_terms.delete_files(a_deed(OWNER), model.id, backend_of=lambda _: far)
    assert models.get_model(OWNER, model.id).is_kept
    assert take(OWNER, model, far) == b"weights"
