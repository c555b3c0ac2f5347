"""A model in the registry: what people call it, how long it is kept, and with whom it is shared."""

from dataclasses import replace
from datetime import timedelta

import pytest

from allmende.domain.training.models import (
    Model,
    ModelFile,
    ModelRemembersPeople,
    SharedWithoutLicence,
    Visibility,
    check_sharing,
)
from tests.domain.training.recipes import NOON

WEIGHTS = ModelFile(name="model.safetensors", size_bytes=800, sha256="ab" * 32)
MODEL = Model(
    id="m-1",
    job_id="j-1",
    project_id="p-1",
    organisation_id="o-1",
    name="tumours, second try",
    family="tumours",
    version=2,
    licence="CC-BY-4.0",
    created_at=NOON,
    files=(WEIGHTS, replace(WEIGHTS, name="facts.json", size_bytes=99)),
    card="",
    record={},
)


def test_a_model_is_called_by_its_family_and_version_and_is_as_large_as_its_files():
    assert (MODEL.label, MODEL.size_bytes) == ("tumours v2", 899)


def test_a_model_is_kept_until_somebody_asks_to_delete_it():
    asked = replace(MODEL, deletion_asked_at=NOON)
    deleted = replace(asked, deleted_at=NOON + timedelta(hours=1))
    assert [each.is_kept for each in (MODEL, asked, deleted)] == [True, False, False]


@pytest.mark.parametrize("data_class", ["public", "internal", "personal", "health"])
@pytest.mark.parametrize("licence", ["", "CC-BY-4.0"])
@pytest.mark.parametrize("visibility", Visibility)
def test_shared_is_what_others_may_use_and_what_remembers_nobody(visibility, licence, data_class):
    def share():
        check_sharing(visibility, licence=licence, data_class=data_class)

    if visibility is Visibility.PROJECT:
        share()
    elif not licence:
        with pytest.raises(SharedWithoutLicence):
            share()
    elif data_class in ("personal", "health"):
        with pytest.raises(ModelRemembersPeople, match=data_class):
            share()
    else:
        share()
