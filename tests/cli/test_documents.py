"""Files of an application at the terminal."""

import json

import pytest

from allmende import cli
from allmende.wiring.documents import shelf
from tests import pdfs
from tests.services import peer_review
from tests.services.access import drafted, founder, open_playground, person, submitted

pytestmark = pytest.mark.django_db
PDF = pdfs.a_pdf()


@pytest.fixture
def allmende(capsys):
    def type_in(*words, who, expect=0):
        code = cli.run(["--as", who.id, "document", *words, "--json"])
        printed = capsys.readouterr()
        assert code == expect, printed.err
        return json.loads(printed.out or printed.err)

    return type_in


@pytest.fixture
def proposal(tmp_path):
    path = tmp_path / "proposal.pdf"
    path.write_bytes(PDF)
    return str(path)


def test_a_file_is_added_listed_downloaded_and_removed(allmende, proposal, tmp_path):
    open_playground()
    ada, firm = founder()
    draft = drafted(ada, firm)
    added = allmende("add", draft.id, proposal, "--kind", "proposal", who=ada)
    assert (added["name"], added["pages"], added["size_bytes"]) == ("proposal.pdf", 1, len(PDF))
    assert allmende("list", draft.id, who=ada) == [added]
    copy = tmp_path / "copy.pdf"
    allmende("download", draft.id, added["id"], str(copy), who=ada)
    assert copy.read_bytes() == PDF
    taken = allmende("download", draft.id, added["id"], str(copy), who=ada, expect=1)
    assert "There is a file already." in taken["error"]["sentence"]

    other = drafted(ada, firm)
    assert allmende("list", other.id, "--reusable", who=ada) == [added]
    used = allmende("reuse", other.id, added["id"], who=ada)
    assert used["sha256"] == added["sha256"]

    assert allmende("remove", draft.id, added["id"], who=ada) == {"removed": added["id"]}
    assert allmende("list", draft.id, who=ada) == []


def test_what_cannot_be_added_is_told_in_a_sentence(allmende, proposal, tmp_path):
    open_playground()
    ada, firm = founder()
    draft = drafted(ada, firm)
    absent = allmende("add", draft.id, str(tmp_path / "none.pdf"), who=ada, expect=1)
    assert "There is no file to read here." in absent["error"]["sentence"]
    page = tmp_path / "page.pdf"
    page.write_text("<html>")
    assert allmende("add", draft.id, str(page), who=ada, expect=1)["error"]["code"] == "FileIsNoPdf"
    done = submitted(ada, firm)
    late = allmende("add", done.id, proposal, who=ada, expect=1)
    assert late["error"]["code"] == "ApplicationIsFrozen"
    stranger = allmende("add", draft.id, proposal, who=person("eve"), expect=3)
    assert stranger["error"]["code"] == "NotFound"
    assert not [path for path in shelf().incoming.glob("*") if path.is_file()]


def test_a_reviewer_downloads_for_the_review_alone(allmende, tmp_path):
    peer_review.open_round()
    rosa, university = peer_review.scientist()
    application = peer_review.with_experts(rosa, university)
    xenia = peer_review.expert("xenia")
    words = ("download", application.id, "doc-1", str(tmp_path / "a.pdf"))
    assert allmende(*words, who=xenia, expect=4)["error"]["code"] == "NotPermitted"
    told = allmende(*words, "--review", who=xenia, expect=3)
    assert told["error"]["code"] == "NotFound"


def test_people_read_that_it_is_gone(capsys, proposal):
    open_playground()
    ada, firm = founder()
    draft = drafted(ada, firm)
    assert cli.run(["--as", ada.id, "document", "list", draft.id]) == 0
    assert capsys.readouterr().out == "No document.\n"
    assert cli.run(["--as", ada.id, "document", "remove", draft.id, "doc-x"]) == 0
    assert capsys.readouterr().out == "It is no longer part of the draft.\n"
