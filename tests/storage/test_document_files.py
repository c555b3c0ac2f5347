"""The shelf: files come in whole or not at all, and each once."""

import os
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from allmende.domain.access.documents import DocumentIsTooLarge, FileIsNoPdf
from allmende.storage.document_files import DocumentIsDamaged, Shelf

CONTENT = b"%PDF, as far as this judge is concerned"
HASH = sha256(CONTENT).hexdigest()


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "documents", judge=lambda path: 1, most_bytes=1_000_000)


def files_in(shelf):
    return sorted(path for path in shelf.folder.rglob("*") if path.is_file())


def put(shelf, content=CONTENT):
    with shelf.receive([content]) as incoming:
        shelf.keep(incoming)
    return incoming


def test_a_file_is_found_again_by_its_hash_and_only_its_owner_may_read_it(shelf):
    incoming = put(shelf)
    assert (incoming.sha256, incoming.size_bytes, incoming.counted) == (HASH, len(CONTENT), 1)
    with shelf.open(HASH) as file:
        assert file.read() == CONTENT
    (path,) = files_in(shelf)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_same_content_is_there_once(shelf):
    put(shelf)
    put(shelf)
    assert len(files_in(shelf)) == 1


def test_what_is_received_and_not_kept_is_gone(shelf):
    with shelf.receive([CONTENT]):
        assert len(files_in(shelf)) == 1
    assert files_in(shelf) == []


def test_an_endless_file_is_refused_when_it_is_too_large_and_not_at_its_end(shelf):
    sent = 0

    def endless():
        nonlocal sent
        while True:
            sent += 65_536
            yield b"0" * 65_536

    with pytest.raises(DocumentIsTooLarge), shelf.receive(endless()):
        pass
    assert sent < 1_000_000 + 2 * 65_536
    assert files_in(shelf) == []


def test_a_file_that_the_judge_refuses_leaves_nothing(tmp_path):
    def refuse(path):
        raise FileIsNoPdf

    shelf = Shelf(tmp_path, judge=refuse, most_bytes=100)
    with pytest.raises(FileIsNoPdf), shelf.receive([b"no"]):
        pass
    assert files_in(shelf) == []


@pytest.mark.parametrize("change", [lambda path: path.write_bytes(b"x"), os.remove])
def test_a_file_that_was_changed_or_lost_is_not_handed_out(shelf, change):
    put(shelf)
    change(files_in(shelf)[0])
    with pytest.raises(DocumentIsDamaged):
        shelf.open(HASH)


def test_keeping_again_what_was_moved_already_is_harmless(shelf):
    with shelf.receive([CONTENT]) as incoming:
        shelf.keep(incoming)
        shelf.keep(incoming)
        shelf.remove(HASH)
        with pytest.raises(DocumentIsDamaged):
            shelf.keep(incoming)


def test_what_is_young_is_not_swept(shelf):
    put(shelf)
    (shelf.incoming / "half").write_bytes(b"%PD")
    now = datetime.now(UTC)
    assert shelf.list_older(now - timedelta(hours=1)) == []
    assert shelf.sweep_incoming(now - timedelta(hours=1)) == 0
    assert shelf.list_older(now + timedelta(hours=1)) == [HASH]
    assert shelf.sweep_incoming(now + timedelta(hours=1)) == 1


def test_an_empty_home_has_nothing_to_sweep(shelf):
    assert shelf.list_older(datetime.now(UTC)) == []
    assert shelf.sweep_incoming(datetime.now(UTC)) == 0
