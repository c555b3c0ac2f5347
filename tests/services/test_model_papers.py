"""A model as one file: its size is nowhere in memory, and nothing changed gets out."""

import hashlib
import tracemalloc
import zipfile

import pytest

from allmende.domain.access.organisations import Organisation, OrganisationKind
from allmende.services import model_papers, models
from allmende.storage import organisations as organisation_store
from tests.services.test_models import (
    NOON,
    OWNER,
    add_job,
    backend,  # noqa: F401 - a fixture
    leave,
    output_folder,
    register,
)

pytestmark = pytest.mark.django_db
LARGE_BYTES = 96 * 2**20
MOST_IN_MEMORY_BYTES = 4 * models.PIECE_BYTES


def leave_a_large_one(backend):  # noqa: F811
    clinic = Organisation(
        id="o-clinic",
        name="Clinic",
        kind=OrganisationKind.PUBLIC_BODY,
        country="DE",
        registered_at=NOON,
    )
    organisation_store.save_organisation(clinic)
    leave(backend, {"facts.json": b"{}"})
    with (output_folder(backend) / "model.safetensors").open("wb") as file:
        file.truncate(LARGE_BYTES)
    add_job()


def pack(model, backend, path):  # noqa: F811
    with path.open("xb") as file:
        model_papers.pack_model(OWNER, model.id, into=file, backend_of=lambda _: backend)


def test_memory_does_not_grow_with_the_model(backend, tmp_path):  # noqa: F811
    leave_a_large_one(backend)
    tracemalloc.start()
    try:
        model = register(backend)
        pack(model, backend, tmp_path / "model.zip")
        assert models.verify_model_files(OWNER, model.id, backend_of=lambda _: backend) == []
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < MOST_IN_MEMORY_BYTES < LARGE_BYTES
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        sums = dict(
            reversed(line.split("  "))
            for line in archive.read(f"{model.id}-v1/SHA256SUMS").decode().splitlines()
        )
        for name, wanted in sums.items():
            with archive.open(f"{model.id}-v1/{name}") as file:
                assert hashlib.file_digest(file, "sha256").hexdigest() == wanted
    assert len(sums) == len(archive.namelist()) - 1


def test_a_changed_file_stops_the_package(backend, tmp_path):  # noqa: F811
    leave_a_large_one(backend)
    model = register(backend)
    with (output_folder(backend) / "model.safetensors").open("r+b") as file:
        file.seek(LARGE_BYTES - 1)
        file.write(b"x")
    with pytest.raises(models.ModelFileChanged):
        pack(model, backend, tmp_path / "model.zip")
    findings = models.verify_model_files(OWNER, model.id, backend_of=lambda _: backend)
    assert [each.english() for each in findings] == ["model.safetensors was changed"]
