"""`allmende model`, as the owner of a model and as others type it."""

import json
import zipfile
from pathlib import Path

import pypdf
import pytest

from allmende import cli
from tests.web.world import World, build_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def allmende(capsys, world):
    def type_in(*words: str, expect: int = 0, who: str = "applicant") -> str:
        code = cli.run(["--as", world.people[who].id, GROUP, *words])
        printed = capsys.readouterr()
        assert code == expect, printed.err
        return printed.out or printed.err

    return type_in


GROUP = "model"


def test_the_owner_shares_a_model_and_others_find_it(allmende):
    assert "No model yet" in allmende("list", who="foreign")
    assert "Name a licence" in allmende("share", "m-1", "public", expect=1)
    allmende("share", "m-1", "factory", "--licence", "EUPL-1.2", "--keep-until", "2100-01-31")
    assert "EUPL-1.2" in allmende("list", who="foreign")
    shown = json.loads(allmende("show", "m-1", "--json", who="foreign"))
    assert (shown["visibility"], shown["keep_until"]) == ("factory", "2100-01-31")


def test_papers_are_printed_and_written(allmende, tmp_path: Path):
    assert "energy" in allmende("lineage", "m-1")
    assert json.loads(allmende("lineage", "m-1", "--json"))["edges"]
    assert json.loads(allmende("bill", "m-1"))["bomFormat"] == "CycloneDX"
    assert "Toys" in allmende("summary", "m-1")
    assert "general" in json.loads(allmende("summary", "m-1", "--json"))
    assert "hello" in allmende("versions", "m-1")
    allmende("record", "m-1", str(tmp_path / "record.pdf"), "--language", "de")
    pages = pypdf.PdfReader(tmp_path / "record.pdf").pages
    text = " ".join(page.extract_text() for page in pages)
    assert "Zeigt, wie." in text  # in the language that was asked for
    assert "in_other_languages" not in text
    allmende("package", "m-1", str(tmp_path / "model.zip"))
    assert "m-1-v1/SHA256SUMS" in zipfile.ZipFile(tmp_path / "model.zip").namelist()


def test_a_deletion_prints_its_certificate(allmende):
    allmende("certificate", "m-1", expect=3)
    told = json.loads(allmende("delete-files", "m-1", "--json"))
    assert told == json.loads(allmende("certificate", "m-1", "--json"))
    assert "The files were deleted; the record is as it was registered." in allmende("check", "m-1")
